import { describe, expect, test } from 'vitest';
import type { NodeStatus } from '../../src/node/port.ts';
import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import { type Order, Pilot, type Sight } from '../../src/siblings/quorum-manager/pilot.ts';
import type { MembershipChange } from '../../src/swarm/member-change.ts';
import type { Plan } from './plan.ts';
import { type SimulationReport, simulate } from './simulation.ts';
import type { Helm } from './steering.ts';

/** Each run of the tests lives through other seeds; `SIM_START` repeats those of an earlier one. */
const START = Number(process.env.SIM_START ?? Date.now() % 1_000_000_000);
const SEEDS = 60;
const PARTS = 4;

/** Seeds that somebody who steers badly may take to be found out. */
const PATIENCE = 60;

function story({ seed, failure }: SimulationReport): string {
  if (failure === undefined) return `seed ${seed}: all promises kept`;
  return `${failure.tail.join('\n')}\nseed ${seed}: ${failure.message}\nnpm run test:sim -- --quorum --seed ${seed} --trace`;
}

/** Without these a green run would prove nothing. */
const WANTED = [
  ...['deaths', 'flap', 'members joined', 'changes steered', 'dead voters replaced', 'leadership placed'],
  ...['partition', 'one-way', 'crash', 'pause', 'stuck-disk'],
];

describe('the quorum manager in a world in which machines die, join, are cut off and flap', () => {
  const totals = new Map<string, number>();
  const parts = Array.from({ length: PARTS }, (_, part) => ({ from: START + (part * SEEDS) / PARTS }));

  test.each(parts)(
    `never loses the quorum by its own doing, and replaces the dead in time, from seed $from on (SIM_START=${START})`,
    async ({ from }) => {
      for (let seed = from; seed < from + SEEDS / PARTS; seed++) {
        const report = await simulate({ seed, steered: true });
        expect(report.failure, story(report)).toBeUndefined();
        for (const [name, count] of report.counts) totals.set(name, (totals.get(name) ?? 0) + count);
      }
    },
  );

  test('has met everything that it claims to survive', () => {
    expect(WANTED.filter((name) => (totals.get(name) ?? 0) === 0)).toEqual([]);
  });

  test('tells one story only for one seed', async () => {
    const [first, second] = [
      await simulate({ seed: 5, steered: true }),
      await simulate({ seed: 5, steered: true }),
    ];
    expect(second.traceHash).toBe(first.traceHash);
  });
});

/** The real pilot, which is told of the others what is not so. */
function deceived(lie: (status: NodeStatus) => NodeStatus): Helm {
  return (senses) => {
    const pilot = new Pilot(senses);
    return {
      begin: () => pilot.begin(),
      end: () => pilot.end(),
      noteConfiguration: (configuration, now) => pilot.noteConfiguration(configuration, now),
      settled: (order, how) => pilot.settled(order, how),
      look: (sight, now) => pilot.look({ ...sight, status: lie(sight.status) }, now),
    };
  };
}

/** Its quorum is a majority of those who are up: whoever is silent votes no more, whoever answers does. */
const followsTheLiving: Helm = ({ freshMs }) => {
  let isBusy = false;
  const look = ({ status }: Sight, _now: Millis): Order | undefined => {
    const { configuration, id, peers, role } = status;
    if (role !== 'leader' || isBusy || configuration.votersOutgoing.length > 0) return undefined;
    const up = [
      id,
      ...peers.filter(({ aliveMs, beat }) => beat > 0 && aliveMs < freshMs / 4).map((peer) => peer.id),
    ];
    const come = up.filter((one) => configuration.learners.includes(one));
    const go = configuration.voters.filter((one) => !up.includes(one));
    if (come.length + go.length === 0) return undefined;
    isBusy = true;
    const change = (type: MembershipChange['type']) => (one: NodeId) => ({ type, id: one });
    const changes = [...come.map(change('add-voter')), ...go.map(change('add-learner'))];
    return { kind: 'change', changes, voters: up, why: 'these are up' };
  };
  const idle = (): void => {
    isBusy = false;
  };
  return { begin: idle, end: idle, noteConfiguration: () => undefined, settled: idle, look };
};

interface BadHelm {
  readonly why: string;
  readonly helm: Helm;
  readonly promises: readonly string[];
  /** Brings about what it takes to tell. */
  readonly adjust?: (plan: Plan) => Plan;
}

const helms: readonly BadHelm[] = [
  {
    why: 'counts a majority of the nodes that happen to be up',
    helm: followsTheLiving,
    promises: ['Strength kept', 'Caught up', 'No to and fro'],
  },
  {
    why: 'promotes whoever answers, caught up or not',
    helm: deceived((status) => ({
      ...status,
      peers: status.peers.map((peer) => ({ ...peer, lag: 0, mode: 'replicate' })),
    })),
    promises: ['Caught up'],
    // Disks that hang while heartbeats are answered, and much to write.
    adjust: (plan) => ({ ...plan, faults: ['stuck-disk', 'death'], callEveryMs: { min: 1, max: 15 } }),
  },
  {
    why: 'takes everybody for alive',
    helm: deceived((status) => ({
      ...status,
      peers: status.peers.map((peer) => ({ ...peer, beat: 1, silentMs: 0, aliveMs: 0 })),
    })),
    promises: ['Quorum kept', 'Strength kept', 'Replaced in time'],
  },
  {
    why: 'does nothing',
    helm: deceived((status) => ({ ...status, role: 'follower' })),
    promises: ['Replaced in time'],
  },
];

describe('somebody who steers badly is found out', () => {
  test.each(helms)('who $why', async ({ adjust, helm, promises }) => {
    const seen: string[] = [];
    for (let seed = 1; seed <= PATIENCE; seed++) {
      const { failure } = await simulate({ seed, steered: true, helm, ...(adjust && { adjust }) });
      if (failure !== undefined) seen.push(failure.promise);
      if (failure !== undefined && promises.includes(failure.promise)) return;
    }
    expect(seen).toContain(promises);
  });
});
