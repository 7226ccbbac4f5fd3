import { describe, expect, test } from 'vitest';
import { logIndex, nodeId } from '../../src/protocol/ids.ts';
import { Lab, settled, voters } from './lab.ts';

describe('a read barrier', () => {
  test('on any node sees what was acknowledged before it', () => {
    const lab = settled();
    for (let round = 0; round < 20; round++) {
      const written = lab.propose(lab.leader(), `w${round}`);
      while (written.length === 0) lab.run(1);
      for (const name of voters) {
        const answers = lab.read(name);
        while (answers.length === 0) lab.run(1);
        expect(answers).toMatchObject([{ ok: true }]);
        expect(lab.at(name).applied).toContain(`w${round}`);
      }
    }
  });

  test('many of one turn are one question', () => {
    const lab = settled();
    const follower = lab.follower();
    const answers = Array.from({ length: 50 }, () => lab.read(follower));
    lab.run(100);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
    expect(lab.sent('read-request')).toHaveLength(1);
  });

  test('waits until this node has applied what the leader had committed', () => {
    const lab = settled();
    const [leader, follower] = [nodeId(lab.leader()), lab.follower()];
    const { node, listener } = lab.at(follower);
    const answers = lab.read(follower);
    lab.run(0.5);
    const [request] = lab.sent('read-request');
    listener.onMessages(leader, [
      {
        type: 'read-response',
        from: leader,
        to: node.id,
        term: node.status().term,
        context: request?.context ?? 0,
        index: logIndex(2),
      },
    ]);
    lab.run(500);
    expect(answers).toEqual([]);
    lab.propose(follower, 'x');
    lab.run(500);
    expect(answers).toEqual([{ ok: true, value: 2 }]);
  });

  test('that is tried again asks with a context never used before, in any life', () => {
    const lab = settled({ voters: ['a', 'b', 'c', 'd', 'e'] });
    const [leader, follower] = [lab.leader(), lab.follower()];
    // The two see each other only: the leader admits the read and cannot confirm it.
    for (const name of [leader, follower]) lab.isolate(name);
    lab.hub.mend(nodeId(leader), nodeId(follower));
    lab.run(200);
    const answers = lab.read(follower);
    lab.run(1_000);
    const contexts = (): number[] => lab.sent('read-request').map(({ context }) => context);
    expect(answers).toEqual([]);
    expect(contexts().length).toBeGreaterThan(2);
    lab.crash(follower);
    for (const name of [leader, follower]) lab.mend(name);
    lab.start(follower);
    lab.run(3_000);
    const later = lab.read(follower);
    lab.run(1_000);
    expect(later).toMatchObject([{ ok: true }]);
    expect(new Set(contexts()).size).toBe(contexts().length);
  });

  test('NO_QUORUM where no leader can confirm it in time', () => {
    const lab = settled({ requestTimeoutMs: 3_000 });
    const leader = lab.leader();
    lab.isolate(leader);
    const answers = lab.read(leader);
    lab.run(2_900);
    expect(answers).toEqual([]);
    lab.run(500);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'NO_QUORUM' } }]);
  });

  test('waits for the first leader', () => {
    const lab = new Lab({ voters });
    const answers = voters.map((name) => lab.read(name));
    lab.run(3_000);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
  });
});
