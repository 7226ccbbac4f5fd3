import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { quorumManager } from '../../../src/siblings/quorum-manager/client.ts';
import { SwarmClient } from '../../../src/swarm/client.ts';
import { idle, type Standing, stand, until } from '../../swarm/instances.ts';

const [FIRST, SECOND, THIRD, FOURTH, FIFTH] = [1, 2, 3, 4, 5].map((at) => `raft-manager-${at}`) as [
  ...[string, string, string, string, string],
];

/** Quick enough for a test, slow enough for a machine that is short of processors. */
const QUICK = { coolDownMs: 100, replaceAfterMs: 3_000, stableMs: 100 } as const;

async function votersOf({ client }: Standing): Promise<readonly string[]> {
  return [...(await quorumManager(client).status()).voters].sort();
}

async function leaderOf({ client }: Standing): Promise<NodeId> {
  for (;;) {
    const { leaderId } = await client.query({ kind: 'status' });
    if (leaderId !== undefined) return leaderId;
  }
}

async function endForGood({ instances }: Standing, id: string): Promise<void> {
  await instances.get(id)?.stop('at-once');
  instances.delete(id);
}

describe('the quorum manager of a swarm', () => {
  test('plans, carries out, and refuses a plan whose time is over', async () => {
    const swarm = await stand({ instances: 5, executor: idle });
    const manager = quorumManager(swarm.client);
    await until(async () => (await manager.status()).survives === 2);
    expect((await manager.plan()).steps).toEqual([]);

    const smaller = await manager.plan({ voters: 3, strategy: 'performance' });
    expect(smaller).toMatchObject({
      strategy: 'performance',
      confidence: expect.any(Number),
      expectedImpact: { survives: { before: 2, after: 1 }, quorum: { before: 3, after: 2 } },
      steps: [{ changes: [{ type: 'add-learner' }, { type: 'add-learner' }] }],
    });
    expect(smaller.recommendedVoters).toContain(await leaderOf(swarm));
    const other = { ...smaller, recommendedVoters: [FIRST as NodeId] };
    expect(await manager.apply(smaller)).toMatchObject({ steps: 1 });
    expect([...(await manager.status()).voters].sort()).toEqual([...smaller.recommendedVoters].sort());

    // Carried out already: nothing to do. Anything else that was made for the members of before: too late.
    expect(await manager.apply(smaller)).toMatchObject({ steps: 0 });
    await expect(manager.apply(other)).rejects.toMatchObject({ code: 'STALE_VERSION' });
    expect((await manager.status()).adjustments).toMatchObject([{ by: 'apply', outcome: 'done' }]);
  });

  test('takes no step that a plan does not make safe, whatever the plan says of it', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const manager = quorumManager(swarm.client);
    const leader = await leaderOf(swarm);
    const [one = '', two = ''] = (await votersOf(swarm)).filter((id) => id !== leader);
    await endForGood(swarm, one);
    await until(async () => (await manager.status()).survives === 0);
    const plan = await manager.plan();
    const edited = {
      ...plan,
      recommendedVoters: [leader, one as NodeId],
      steps: [
        { changes: [{ type: 'add-learner', id: two as NodeId }], voters: [leader], why: 'edited' } as const,
      ],
    };
    await expect(manager.apply(edited)).rejects.toMatchObject({ code: 'UNSAFE_CHANGE' });
    expect(await votersOf(swarm)).toHaveLength(3);
  });

  test('replaces a voter that does not come back by itself, and only when it is told to', async () => {
    const swarm = await stand({ instances: 4, executor: idle });
    const manager = quorumManager(swarm.client);
    expect(await votersOf(swarm)).toEqual([FIRST, SECOND, THIRD]);
    const leader = await leaderOf(swarm);
    const dead = [FIRST, SECOND, THIRD].find((id) => id !== leader) ?? '';
    await manager.auto({ ...QUICK, auto: false });
    await endForGood(swarm, dead);
    await until(async () => {
      const one = (await manager.status()).members.find(({ id }) => id === dead);
      return one !== undefined && !one.reachable && one.silentMs > QUICK.replaceAfterMs;
    });
    expect(await votersOf(swarm)).toContain(dead);

    await manager.auto({ auto: true });
    // It is told of after it was done.
    await until(async () => (await manager.status()).adjustments.length > 0);
    expect(await votersOf(swarm)).toEqual([FIRST, SECOND, THIRD, FOURTH].filter((id) => id !== dead));
    const { adjustments, survives } = await manager.status();
    expect(survives).toBe(1);
    expect(adjustments).toMatchObject([{ by: 'auto', why: `${FOURTH} votes in the place of ${dead}` }]);
  });

  test('lets more learners vote where more voters are asked for', async () => {
    const swarm = await stand({ instances: 5, executor: idle });
    const manager = quorumManager(swarm.client);
    expect((await manager.apply(await manager.plan({ voters: 3 }))).voters).toHaveLength(3);
    expect(await manager.auto({ ...QUICK, auto: true, voters: 5 })).toMatchObject({
      policy: { auto: true, voters: 5, survive: 2 },
    });
    await until(async () => (await votersOf(swarm)).length === 5);
    expect(await votersOf(swarm)).toEqual([FIRST, SECOND, THIRD, FOURTH, FIFTH]);
  });

  test('gives leadership to a voter that weighs clearly more, and says what a weight is not', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const manager = quorumManager(swarm.client);
    await manager.auto({ ...QUICK });
    const leader = await leaderOf(swarm);
    const heavy = [FIRST, SECOND, THIRD].find((id) => id !== leader) ?? '';
    expect(await manager.weigh(heavy, 2)).toMatchObject({
      weight: 2,
      note: expect.stringContaining('never weighted'),
    });
    await until(async () => (await leaderOf(swarm)) === heavy);
    const { members, quorum } = await manager.status();
    expect(quorum).toBe(2);
    expect(members.find(({ id }) => id === heavy)).toMatchObject({ weight: 2, isLeader: true });
  });

  test('lets a learner submit as any voter does', async () => {
    const swarm = await stand({ instances: 6, executor: idle });
    const [learner = ''] = (await quorumManager(swarm.client).status()).learners;
    const url = swarm.instances.get(learner)?.url ?? '';
    const client = new SwarmClient({ folder: swarm.folder, name: 'test', version: 'test', url });
    const work = {
      run: 'true',
      priority: 'normal',
      requires: ['nobody-can'],
      dependsOn: [],
      env: {},
    } as const;
    await client.execute({ kind: 'submit', key: 'one', tasks: [{ id: 'one', title: 'one', ...work }] });
    await client.close();
    expect((await swarm.client.query({ kind: 'tasks' })).map(({ id }) => id)).toEqual(['one']);
  });

  test('answers through whichever instance is asked', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const told: string[] = [];
    for (const { url } of swarm.instances.values()) {
      const client = new SwarmClient({ folder: swarm.folder, name: 'test', version: 'test', url });
      told.push((await quorumManager(client).status()).leader);
      await client.close();
    }
    expect(new Set(told)).toEqual(new Set([await leaderOf(swarm)]));
  });

  test('answers through a member that has not noticed yet that its leader is gone', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const leader = await leaderOf(swarm);
    const clients = [...swarm.instances].flatMap(([id, { url }]) =>
      id === leader ? [] : new SwarmClient({ folder: swarm.folder, name: 'test', version: 'test', url }),
    );
    const nextLeader = async (client: SwarmClient): Promise<string> => {
      for (;;) {
        const status = await quorumManager(client).status();
        if (status.leader !== leader) return status.leader;
      }
    };
    const asked = Promise.all(clients.map(nextLeader));
    await endForGood(swarm, leader);
    expect(new Set(await asked).size).toBe(1);
    for (const client of clients) await client.close();
  });

  test('sees of each member its link, its disk, its uptime and its domain', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const manager = quorumManager(swarm.client);
    await manager.place(SECOND, 'rack-7');
    await until(async () => {
      const { members } = await manager.status();
      return members.every(
        ({ reachable, uptimeMs, writeMs }) => reachable && uptimeMs !== null && writeMs !== null,
      );
    });
    const { members } = await manager.status();
    const others = members.filter(({ isLeader }) => !isLeader);
    expect(others.map(({ roundTripMs }) => typeof roundTripMs)).toEqual(['number', 'number']);
    expect(members.find(({ id }) => id === SECOND)?.domain).toBe('rack-7');
    await manager.place(SECOND, null);
    const again = await manager.status();
    expect(new Set(again.members.map(({ domain }) => domain)).size).toBe(1);
  });

  test.each([
    { why: 'a weight out of range', ask: 'weigh', args: [FIRST, 2.1], code: 'BAD_INPUT' },
    { why: 'a weight that is no number', ask: 'weigh', args: [FIRST, Number.NaN], code: 'BAD_INPUT' },
    { why: 'a node that is none', ask: 'weigh', args: ['nobody', 1.5], code: 'UNKNOWN_NODE' },
    { why: 'an even number of voters', ask: 'auto', args: [{ voters: 4 }], code: 'BAD_INPUT' },
    {
      why: 'more losses than voters can bear',
      ask: 'plan',
      args: [{ voters: 3, survive: 2 }],
      code: 'BAD_INPUT',
    },
    { why: 'a strategy that is none', ask: 'plan', args: [{ strategy: 'luck' }], code: 'BAD_INPUT' },
    { why: 'a label that is none', ask: 'place', args: [FIRST, 'a b'], code: 'BAD_INPUT' },
  ] as const)('refuses $why', async ({ args, ask, code }) => {
    const swarm = await stand({ instances: 1, executor: idle });
    const manager = quorumManager(swarm.client) as unknown as Record<
      string,
      (...given: unknown[]) => Promise<unknown>
    >;
    await expect(manager[ask]?.(...args)).rejects.toMatchObject({ code });
  });
});
