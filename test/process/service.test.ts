import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { allGone, eventually, kill, openProject, type Project } from './harness.ts';
import {
  bringUp,
  killCoordinatorWhileSubmitting,
  killEverything,
  killEverythingWhileSubmitting,
} from './submissions.ts';
import { coordinatorOf, type Found, nextLife, runFolder, withClient } from './swarm-view.ts';

const CRASHES = 5;

test('all processes are killed: the next "up" finds tasks, identities and state as they were', async () => {
  const project = openProject();
  const folder = await bringUp(project);
  const roster = readFileSync(folder.roster, 'utf8');
  for (const id of ['one', 'two']) expect(await addTask(project, id)).toMatchObject({ exitCode: 0 });
  await eventually('both to be completed', async () => (await countsOf(project)).completed === 2);
  expect(await project.run(['swarm', 'pause', '--reason', 'until later'])).toMatchObject({ exitCode: 0 });
  for (const id of ['three', 'four']) expect(await addTask(project, id)).toMatchObject({ exitCode: 0 });
  const before = await jsonOf(project, ['task', 'list', '--json']);
  await killEverything(project);

  await bringUp(project);
  expect(readFileSync(folder.roster, 'utf8')).toBe(roster);
  expect(await jsonOf(project, ['task', 'list', '--json'])).toEqual(before);
  expect(await jsonOf(project, ['status', '--json'])).toMatchObject({ quorum: true, paused: 'until later' });
  await expectEqualState(folder);
  expect(await project.run(['swarm', 'resume'])).toMatchObject({ exitCode: 0 });
  await eventually('the others to be completed', async () => (await countsOf(project)).completed === 4);
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  await allGone(project);
  expect(await project.run(['status'])).toMatchObject({ exitCode: 3 });
});

test('no acknowledged submission is missing after all processes were killed', async () => {
  await killEverythingWhileSubmitting();
});

test('no acknowledged submission is missing after the coordinator was killed', async () => {
  await killCoordinatorWhileSubmitting();
});

test('the script of an instance that was killed ends, before or while somebody else begins it anew', async () => {
  const project = openProject();
  const folder = await bringUp(project);
  const run = 'echo $$ $AGENT_ID >> begun; sleep 600 & wait';
  expect(await project.run(['task', 'add', 'long', '--run', run])).toMatchObject({ exitCode: 0 });
  const begun = (): string[] => project.read('begun').split('\n').slice(0, -1);
  const [script = '', id = ''] = await eventually('the script to run', () => begun()[0]?.split(' '));
  const instance = findEndpoint(folder, id as NodeId)?.pid ?? 0;
  kill(instance, 'SIGKILL');
  await eventually('it to be gone', () => !project.processes().includes(Number(script)));
  await eventually('another one', () => begun().length === 2);
});

test('an instance that crashes five times in a minute is reported and left down; the others go on', async () => {
  const project = openProject();
  const folder = await bringUp(project);
  const coordinator = await coordinatorOf(folder);
  const id = loadRoster(folder)
    .nodes.map((node) => node.id as NodeId)
    .find((other) => other !== coordinator.id);
  await crashUntilGivenUp(folder, id as NodeId);
  const log = (): string => readFileSync(join(folder.supervisor, 'supervisor.log'), 'utf8');
  await eventually('the report', () =>
    log().includes(`instance ${id} stays down: ${CRASHES} crashes within a minute`),
  );
  expect(log().split(`instance ${id} ended (signal SIGKILL); it is restarted`)).toHaveLength(CRASHES);

  expect(await addTask(project, 'one')).toMatchObject({ exitCode: 0 });
  await eventually('it to be completed', async () => (await countsOf(project)).completed === 1);
  const { nodes, quorum } = await jsonOf<{ quorum: boolean; nodes: { id: string; role: string }[] }>(
    project,
    ['status', '--json'],
  );
  expect(quorum).toBe(true);
  expect(nodes.filter(({ role }) => role === 'down').map((node) => node.id)).toEqual([id]);
  // Supervisor and two instances.
  expect(project.processes()).toHaveLength(3);
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  await allGone(project);
  await bringUp(project);
  await eventually('it to be up again', () => findEndpoint(folder, id as NodeId));
});

test('a run whose only instance keeps crashing ends with exit code 3, and --resume completes it', async () => {
  const project = openProject();
  const file = project.write(
    'tasks.yaml',
    "tasks:\n  - { id: a, run: 'until [ -e go ]; do sleep 0.05; done' }\n",
  );
  const run = project.start(['run', file, '--agents', '1', '--json']);
  const folder = await runFolder(project);
  const { id } = await coordinatorOf(folder);
  await crashUntilGivenUp(folder, id);
  const { exitCode, stdout, stderr } = await run.ended;
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 3,
    stdout: '',
    stderr: expect.stringMatching(/stays down: 5 crashes.*--resume/s),
  });
  project.write('go', '');
  await allGone(project);
  const resumed = await project.run(['run', '--resume', '--json']);
  expect(resumed).toMatchObject({ exitCode: 0, stderr: '' });
});

async function crashUntilGivenUp(folder: SwarmFolder, id: NodeId): Promise<void> {
  let former: Found | undefined;
  for (let crash = 1; crash <= CRASHES; crash += 1) {
    const current: Found =
      former === undefined ? await firstLife(folder, id) : await nextLife(folder, former);
    kill(current.pid, 'SIGKILL');
    former = current;
  }
}

function firstLife(folder: SwarmFolder, id: NodeId): Promise<Found> {
  return eventually(`${id} to be up`, () => {
    const endpoint = findEndpoint(folder, id);
    return endpoint === undefined ? undefined : { id, ...endpoint };
  });
}

/** At one index all nodes have one state. */
async function expectEqualState(folder: SwarmFolder): Promise<void> {
  const ids = loadRoster(folder).nodes.map(({ id }) => id);
  const states = await eventually('all nodes to have applied as much', async () => {
    const found = await Promise.all(
      ids.map((id) => withClient(folder, id, (client) => client.query({ kind: 'overview' }))),
    );
    return new Set(found.map(({ appliedIndex }) => appliedIndex)).size === 1 && found;
  });
  expect(new Set(states.map(({ stateHash }) => stateHash)).size).toBe(1);
}

function addTask(project: Project, id: string): Promise<{ readonly exitCode: number | null }> {
  return project.run(['task', 'add', id, '--run', 'echo "$TASK_ID" >>done']);
}

async function countsOf(project: Project): Promise<Readonly<Record<string, number>>> {
  const { tasks } = await jsonOf<{ tasks: Readonly<Record<string, number>> }>(project, ['status', '--json']);
  return tasks;
}

async function jsonOf<T>(project: Project, args: readonly string[]): Promise<T> {
  const { exitCode, stdout, stderr } = await project.run(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}
