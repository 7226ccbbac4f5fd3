import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { quorumManager } from '../../src/siblings/quorum-manager/client.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { eventually, kill, openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

/** Beyond it more voters only make every decision slower. */
const MOST_VOTERS = 7;

/** Quick enough for a test, slow enough for fifty processes on two cores. */
const QUICK = { coolDownMs: 500, replaceAfterMs: 3_000, stableMs: 500 } as const;

/**
 * Runs a swarm of `agents` instances on one task each, which ends when the test says so. Expects that few vote and all
 * others learn; that a learner takes a submission; that everybody works; and that a learner votes in the place of a
 * voter that hangs, which learns when it is back.
 */
export async function runMany(agents: number): Promise<void> {
  const project = openProject();
  // All but one: somebody is free for what is submitted later.
  const ids = Array.from({ length: agents - 1 }, (_, at) => `task-${at + 1}`);
  const count = String(agents);
  const run = project.start(['run', oneForEach(project, ids), '--agents', count, '--json', '--keep']);
  const folder = await runFolder(project);
  const coordinator = await coordinatorOf(folder);
  const { learners, voters } = await membersOf(folder, coordinator.id);
  expect(voters.length).toBeGreaterThanOrEqual(5);
  expect(voters.length).toBeLessThanOrEqual(MOST_VOTERS);
  expect(new Set([...voters, ...learners]).size).toBe(agents);
  await eventually('all but one to be at work', () => workersIn(project).length === ids.length || undefined);

  const [learner] = learners as readonly [NodeId, ...NodeId[]];
  await submitThrough(folder, learner);
  expect([...workersIn(project)].sort()).toEqual([...voters, ...learners].sort());

  const after = await replaceHungVoter(folder, learner);
  project.write('go', '');
  const { exitCode, stdout, stderr } = await run.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout).summary).toMatchObject({ completed: agents, failed: 0, cancelled: 0 });
  expectEachCompletedOnce(await readHistory(folder, { voters: after }), [...ids, 'late']);
}

async function membersOf(folder: SwarmFolder, id: NodeId) {
  const { configuration } = await withClient(folder, id, (client) => client.query({ kind: 'status' }));
  return configuration;
}

/** One more task, which a learner is asked to take. */
async function submitThrough(folder: SwarmFolder, learner: NodeId): Promise<void> {
  const late = { id: 'late', title: 'late', run: 'echo "$AGENT_ID" >>workers', priority: 'normal' } as const;
  const tasks = [{ ...late, requires: [], dependsOn: [], env: {} }];
  await withClient(folder, learner, (client) => client.execute({ kind: 'submit', key: 'late', tasks }));
  await eventually('what a learner took to be done', async () => {
    const all = await withClient(folder, learner, (client) => client.query({ kind: 'tasks' }));
    return all.find(({ id }) => id === 'late')?.state === 'completed' || undefined;
  });
}

/** One voter hangs until another member votes in its place. Returns who votes then. */
async function replaceHungVoter(folder: SwarmFolder, learner: NodeId): Promise<readonly NodeId[]> {
  const before = await withClient(folder, learner, async (client) => {
    const manager = quorumManager(client);
    await manager.auto({ ...QUICK, auto: true });
    return manager.status();
  });
  const hung = before.voters.find((id) => id !== before.leader) as NodeId;
  const pid = findEndpoint(folder, hung)?.pid ?? 0;
  kill(pid, 'SIGSTOP');
  await eventually(`a learner to vote in the place of ${hung}`, async () => {
    const { adjustments, voters } = await withClient(folder, learner, (client) =>
      quorumManager(client).status(),
    );
    expect(voters.length).toBe(before.voters.length);
    const told = adjustments.find(({ why }) => why.endsWith(` votes in the place of ${hung}`));
    return (told !== undefined && !voters.includes(hung)) || undefined;
  });
  await withClient(folder, learner, (client) => quorumManager(client).auto({ auto: false }));
  kill(pid, 'SIGCONT');
  const { learners, voters } = await membersOf(folder, learner);
  expect(learners).toContain(hung);
  expect(before.learners).toContain(voters.find((id) => !before.voters.includes(id)));
  return voters;
}

function workersIn(project: Project): readonly string[] {
  return existsSync(join(project.folder, 'workers')) ? project.read('workers').split('\n').slice(0, -1) : [];
}

function oneForEach(project: Project, ids: readonly string[]): string {
  const script = 'echo "$AGENT_ID" >>workers; until [ -e go ]; do sleep 0.5; done';
  return project.write(
    'tasks.yaml',
    `tasks:\n${ids.map((id) => `  - { id: ${id}, run: '${script}' }\n`).join('')}`,
  );
}
