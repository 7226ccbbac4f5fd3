import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { type RunningInstance, startInstance } from '../../src/compose.ts';
import type { NodeStatus } from '../../src/node/port.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { isVoter } from '../../src/protocol/state.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { insist } from '../../src/swarm/insist.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { idle, type Standing, stand, until } from './instances.ts';

const CHANGES = 10;
const FOUNDERS = ['raft-manager-1', 'raft-manager-2', 'raft-manager-3'];

function statuses({ instances }: Pick<Standing, 'instances'>): readonly NodeStatus[] {
  return [...instances.values()].map(({ instance }) => instance.status());
}

function leaderOf(swarm: Pick<Standing, 'instances'>): NodeStatus | undefined {
  return statuses(swarm).find(({ role }) => role === 'leader');
}

/** One that does not lead. */
async function victimOf(swarm: Standing): Promise<NodeId> {
  await until(async () => leaderOf(swarm) !== undefined);
  const name = FOUNDERS.find((id) => swarm.instances.get(id)?.instance.status().role !== 'leader');
  return name as NodeId;
}

/** The instance ends, and nothing is left of its data. */
async function lose({ folder, instances }: Standing, name: NodeId): Promise<void> {
  await instances.get(name)?.stop('at-once');
  instances.delete(name);
  rmSync(folder.nodeFolder(name), { recursive: true });
}

/** As its supervisor starts it. */
async function comeBack({ folder, instances }: Standing, name: NodeId) {
  const running: RunningInstance = await startInstance({
    folder,
    id: name,
    version: 'test',
    executor: idle,
    onTrouble: () => undefined,
    onRoleChanged: () => undefined,
    onStopped: () => undefined,
  });
  instances.set(name, running);
  onTestFinished(async () => {
    if (instances.delete(name)) await running.stop('at-once');
  });
  return { ...running, memberId: running.instance.status().id };
}

function clientOf(folder: SwarmFolder, only: NodeId): SwarmClient {
  const client = new SwarmClient({ folder, name: 'test', version: 'test', only });
  onTestFinished(() => client.close());
  return client;
}

/** Who votes, as the leader has it committed. */
function votersOf(swarm: Standing): readonly NodeId[] {
  return leaderOf(swarm)?.configuration.voters ?? [];
}

test('a voter that loses its data twice comes back twice, each time in its own place', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  const name = await victimOf(swarm);
  const former: NodeId[] = [name];
  for (let round = 0; round < 2; round += 1) {
    await lose(swarm, name);
    const { entered, memberId } = await comeBack(swarm, name);
    await entered;
    expect(memberId).not.toBe(former.at(-1));
    expect(votersOf(swarm)).toHaveLength(3);
    expect(votersOf(swarm)).toContain(memberId);
    expect(votersOf(swarm).filter((id) => former.includes(id))).toEqual([]);
    former.push(memberId);
  }
});

test('a voter comes back in a swarm that never heard of all its members together', async () => {
  const swarm = await stand({ instances: 3, executor: idle, absent: 1 });
  const name = FOUNDERS.find((id) => !swarm.instances.has(id)) as NodeId;
  expect((await swarm.client.query({ kind: 'overview' })).level).toBeGreaterThan(1);
  rmSync(swarm.folder.nodeFolder(name), { recursive: true });
  const { entered, memberId } = await comeBack(swarm, name);
  await entered;
  expect(votersOf(swarm)).toContain(memberId);
});

test('it is let in though the others change leader and members meanwhile', async () => {
  const swarm = await stand({ instances: 4, executor: idle });
  const name = await victimOf(swarm);
  await lose(swarm, name);
  const { entered, memberId } = await comeBack(swarm, name);
  for (let turn = 0; turn < CHANGES; turn += 1) {
    await until(async () => leaderOf(swarm) !== undefined);
    const leader = leaderOf(swarm) as NodeStatus;
    const client = clientOf(swarm.folder, leader.id);
    const learner = 'raft-manager-4' as NodeId;
    const type = isVoter(leader.configuration, learner) ? 'add-learner' : 'add-voter';
    await (turn % 2 === 0 ? client.changeMembership([{ type, id: learner }]) : client.transfer(undefined))
      .catch((error: unknown) => expect(error).toBeInstanceOf(SwarmError))
      .finally(() => client.close());
  }
  await entered;
  await until(async () => votersOf(swarm).includes(memberId));
  expect(votersOf(swarm)).not.toContain(name);
});

test('whoever is taken out again before it votes is not brought back by what is left to be done', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  const name = await victimOf(swarm);
  await lose(swarm, name);
  const { entered, memberId, stop } = await comeBack(swarm, name);
  await until(async () => leaderOf(swarm)?.configuration.learners.includes(memberId) ?? false);
  const leader = leaderOf(swarm)?.id as NodeId;
  // What let it in may not be committed yet.
  await insist(() => clientOf(swarm.folder, leader).changeMembership([{ type: 'remove', id: memberId }]));
  await entered;
  expect(leaderOf(swarm)?.configuration.voters).not.toContain(memberId);
  swarm.instances.delete(name);
  await stop('at-once');
});

test('one that is stopped before it is in leaves the rest for its next start', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  const name = await victimOf(swarm);
  await lose(swarm, name);
  const first = await comeBack(swarm, name);
  swarm.instances.delete(name);
  await Promise.all([first.stop('at-once'), first.entered.catch(() => undefined)]);
  const again = await comeBack(swarm, name);
  expect(again.memberId).toBe(first.memberId);
  await again.entered;
  await until(async () => votersOf(swarm).includes(again.memberId));
  expect(votersOf(swarm)).toHaveLength(3);
});
