import { describe, expect, test } from 'vitest';
import { killCoordinatorOfFanOut, pauseCoordinator } from './coordinator-loss.ts';
import { eventually, openProject } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

describe('the coordinator is killed in the middle of two hundred tasks', () => {
  test.each([{ after: 5 }, { after: 60 }, { after: 120 }])('after $after executions', async ({ after }) => {
    await killCoordinatorOfFanOut(after);
  });
});

test('a coordinator that was paused finds its task done by another, and its word refused', async () => {
  await pauseCoordinator();
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
