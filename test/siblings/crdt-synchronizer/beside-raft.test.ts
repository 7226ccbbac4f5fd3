import { expect, test } from 'vitest';
import { nodeId } from '../../../src/protocol/ids.ts';
import { Lab as RaftLab } from '../../node/lab.ts';
import { VirtualTime } from '../../simulation/virtual-time.ts';
import { Lab } from './lab.ts';

const SITES = [1, 2, 3, 4, 5];

/** Nodes and documents of one swarm, in one time, with the same cables. */
function openSwarm(seed: number) {
  const time = new VirtualTime();
  const raft = new RaftLab({ voters: SITES.map((number) => `n${number}`), time, requestTimeoutMs: 2_000 });
  const documents = new Lab({ seed, sites: SITES.length, time, loss: 0.05 });
  const pairs = (island: readonly number[]) =>
    SITES.flatMap((one) => SITES.map((other) => [one, other] as const)).filter(
      ([one, other]) => one < other && island.includes(one) !== island.includes(other),
    );
  return {
    raft,
    documents,
    cut(island: readonly number[]): void {
      documents.cut(island);
      for (const [one, other] of pairs(island)) raft.hub.cut(nodeId(`n${one}`), nodeId(`n${other}`));
    },
    heal(island: readonly number[]): void {
      documents.heal();
      for (const [one, other] of pairs(island)) raft.hub.mend(nodeId(`n${one}`), nodeId(`n${other}`));
    },
  };
}

test('beside Raft, cut again and again: only a majority decides, all sides write, and everything comes together', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const { raft, documents, cut, heal } = openSwarm(seed);
    raft.settle();
    let counted = 0;
    for (let round = 0; round < 3; round += 1) {
      const leader = Number(raft.leader().slice(1));
      const island = [leader, (leader % 5) + 1].slice(0, 1 + (round % 2));
      cut(island);
      documents.run(4_000);
      const [beyond = 0] = SITES.filter((number) => !island.includes(number));
      const decided = raft.propose(`n${beyond}`, `round-${round}`);
      const refused = raft.propose(`n${leader}`, `island-${round}`);
      for (const number of SITES) {
        documents.site(number).write({ op: 'inc', path: 'hits', by: number });
        documents.site(number).write({ op: 'insert', path: 'notes', values: [`${round} by ${number}`] });
        counted += number;
      }
      documents.run(4_000);
      const where = `seed ${seed}, round ${round}`;
      expect(
        decided.map(({ ok }) => ok),
        where,
      ).toEqual([true]);
      expect(
        refused.map(({ ok }) => ok),
        where,
      ).toEqual([false]);
      // Those who are cut off have what they themselves wrote, all of them.
      const islanders = island.map((number) => documents.site(number).library.root);
      expect(new Set(islanders).size, where).toBe(1);
      expect(documents.isEqual, where).toBe(false);
      heal(island);
      expect(
        documents.runUntil(() => documents.isEqual, 10_000),
        where,
      ).toBeLessThanOrEqual(1_000);
      expect(documents.site(leader).library.read('hits').value, where).toBe(counted);
      documents.run(4_000);
      raft.leader();
    }
    const logs = SITES.map((number) => raft.at(`n${number}`).applied);
    for (const log of logs) expect(log).toEqual(['round-0', 'round-1', 'round-2']);
  }
});
