import { describe, expect, test } from 'vitest';
import { SwarmClient } from '../../src/swarm/client.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import { killCoordinatorOfFanOut, pauseCoordinator } from './coordinator-loss.ts';
import { eventually, kill, openProject, PATIENCE_MS } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

describe('the coordinator is killed in the middle of two hundred tasks', () => {
  test.each([{ after: 5 }, { after: 60 }, { after: 120 }])('after $after executions', async ({ after }) => {
    await killCoordinatorOfFanOut(after);
  });
});

test('a coordinator that was paused finds its task done by another, and its word refused (pitfall 26)', async () => {
  await pauseCoordinator();
});

test('a client whose node is paused is answered by another', async () => {
  const project = openProject();
  const file = project.write(
    'tasks.yaml',
    "tasks:\n  - { id: a, run: 'until [ -e go ]; do sleep 0.05; done' }\n",
  );
  const run = project.start(['run', file, '--json']);
  const folder = await runFolder(project);
  await coordinatorOf(folder);
  const client = new SwarmClient({ folder, name: 'test', version: 'test', timeoutMs: PATIENCE_MS });
  try {
    await eventually('the task', () =>
      client.query({ kind: 'task', id: 'a' }).then((found) => found !== null),
    );
    const { id } = await client.query({ kind: 'status' });
    const pid = findEndpoint(folder, id)?.pid ?? 0;
    kill(pid, 'SIGSTOP');
    const task = await client.query({ kind: 'task', id: 'a' }, { timeoutMs: 60_000 });
    expect(task).toMatchObject({ id: 'a' });
    expect(await client.query({ kind: 'status' })).not.toMatchObject({ id });
    kill(pid, 'SIGCONT');
  } finally {
    await client.close();
  }
  project.write('go', '');
  expect(await run.ended).toMatchObject({ exitCode: 0 });
});

test('a lease is renewed for as long as the work takes', async () => {
  const project = openProject();
  const file = project.write(
    'tasks.yaml',
    "tasks:\n  - { id: a, run: 'until [ -e go ]; do sleep 0.05; done' }\n",
  );
  const run = project.start(['run', file, '--lease', '1s', '--json', '--keep']);
  const folder = await runFolder(project);
  const { id } = await coordinatorOf(folder);
  await withClient(folder, id, (client) =>
    eventually('four renewals, as many as there are in a lease', async () => {
      const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
      return lines.filter(({ command }) => kindOf(command) === 'renew').length > 4;
    }),
  );
  project.write('go', '');
  expect(await run.ended).toMatchObject({ exitCode: 0, stderr: '' });
  expectEachCompletedOnce(await readHistory(folder), ['a']);
});

function kindOf(command: unknown): unknown {
  return typeof command === 'object' && command !== null && 'kind' in command ? command.kind : undefined;
}
