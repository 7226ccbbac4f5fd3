import { join } from 'node:path';
import { expect } from 'vitest';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { eventually, kill, openProject, type Project, ROOT } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, nextLife, runFolder, withClient } from './swarm-view.ts';

const FAN_OUT = join(ROOT, 'examples/fan-out.yaml');
const BLOCKS = Array.from({ length: 200 }, (_, at) => `block-${String(at + 1).padStart(3, '0')}`);

/** Enough for three to be busy until long after the pause. */
const SLOW = Array.from({ length: 15 }, (_, at) => `slow-${at + 1}`);

/** Lines that the tasks of `fan-out.yaml` have left so far: task, fence, instance. */
function ledgerOf(project: Project, folder: SwarmFolder): readonly string[] {
  const swarm = folder.root.split('/').at(-1) ?? '';
  return project
    .read(join('.raft-manager/work', swarm, 'ledger'))
    .split('\n')
    .slice(0, -1);
}

/**
 * Kills the coordinator's process when `fan-out.yaml` is `after` executions old, and expects that nobody
 * can tell from the result: every task completed once, under a new coordinator, the killed one back.
 */
export async function killCoordinatorOfFanOut(after: number): Promise<void> {
  const project = openProject();
  const run = project.start(['run', FAN_OUT, '--json', '--keep']);
  const folder = await runFolder(project);
  await eventually(`${after} executions`, () => ledgerOf(project, folder).length >= after);
  const killed = await coordinatorOf(folder);
  kill(killed.pid, 'SIGKILL');
  const successor = await coordinatorOf(folder, killed.id);
  const returned = await nextLife(folder, killed);

  const { exitCode, stdout, stderr } = await run.ended;
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining(`${killed.id} ended (signal SIGKILL)`),
  });
  const report = JSON.parse(stdout);
  expect(report.summary).toMatchObject({ completed: BLOCKS.length, failed: 0, cancelled: 0 });
  expect(report.elections).toBeGreaterThanOrEqual(2);
  expect(successor.id).not.toBe(killed.id);
  expect(returned.pid).not.toBe(killed.pid);
  expect(project.processes()).toEqual([]);

  const history = await readHistory(folder);
  expectEachCompletedOnce(history, BLOCKS);
  expect(history.commands).toContainEqual(
    expect.objectContaining({ kind: 'register', instanceId: killed.id, life: returned.life }),
  );
  expectLedgerMatches(ledgerOf(project, folder), report.tasks);
}

/** At-least-once execution, each under a fence of its own; the recorded one is among them. */
function expectLedgerMatches(
  ledger: readonly string[],
  tasks: readonly { readonly id: string; readonly fence: number; readonly agent: string }[],
): void {
  expect(new Set(ledger).size).toBe(ledger.length);
  for (const { id, fence, agent } of tasks) expect(ledger).toContain(`${id} ${fence} ${agent}`);
}

/**
 * Stops the coordinator's process while it works on a task itself, until somebody else has finished that
 * task, and lets it go on. Expects its word to be refused by fence, and everything else as after a kill.
 */
export async function pauseCoordinator(): Promise<void> {
  const project = openProject();
  const tasks = SLOW.map(
    (id) => `  - { id: ${id}, run: 'echo "$TASK_ID $FENCE $AGENT_ID" >>begun; sleep 1' }`,
  );
  // Holds the run open until everything that is to be seen was seen.
  const last = `  - { id: last, run: 'until [ -e go ]; do sleep 0.05; done', dependsOn: [${SLOW.join(', ')}] }`;
  const file = project.write('slow.yaml', `tasks:\n${[...tasks, last].join('\n')}\n`);
  const run = project.start(['run', file, '--json', '--keep', '--lease', '2s']);
  const folder = await runFolder(project);
  const { paused, taskId, fence } = await eventually('the coordinator to begin a task', async () => {
    const coordinator = await coordinatorOf(folder);
    const before = begunBy(project, coordinator.id);
    return eventually('it to begin another one', () => {
      const now = begunBy(project, coordinator.id);
      const latest = now.at(-1);
      return now.length > before.length && latest !== undefined && { paused: coordinator, ...latest };
    });
  });
  kill(paused.pid, 'SIGSTOP');
  const successor = await coordinatorOf(folder, paused.id);
  // Its lease runs out long before the swarm would take it for gone and give its work back.
  await withClient(folder, successor.id, (client) =>
    eventually(`${taskId} to be completed by somebody else`, async () => {
      const task = await client.query({ kind: 'task', id: taskId });
      return task?.state === 'completed' && task.fence !== fence;
    }),
  );
  kill(paused.pid, 'SIGCONT');
  await withClient(folder, successor.id, (client) =>
    eventually(`the late word of ${paused.id} in the log`, async () => {
      const { lines } = await client.query({ kind: 'log', from: 1, limit: 10_000 });
      return lines.some(({ command }) => isComplete(command, { taskId, fence }));
    }),
  );
  project.write('go', '');

  const { exitCode, stdout, stderr } = await run.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout).summary).toMatchObject({ completed: SLOW.length + 1, failed: 0, cancelled: 0 });
  expect(project.processes()).toEqual([]);
  const history = await readHistory(folder);
  expectEachCompletedOnce(history, [...SLOW, 'last']);
  expect(history.commands).toContainEqual(expect.objectContaining({ kind: 'expire', taskId, fence }));
  expect(history.refusals).toContainEqual({
    code: 'STALE_FENCE',
    command: expect.objectContaining({ kind: 'complete', taskId, fence }),
  });
}

function isComplete(command: unknown, held: { readonly taskId: string; readonly fence: number }): boolean {
  const { kind, taskId, fence } = (command ?? {}) as Record<string, unknown>;
  return kind === 'complete' && taskId === held.taskId && fence === held.fence;
}

function begunBy(project: Project, instance: string): { readonly taskId: string; readonly fence: number }[] {
  return project
    .read('begun')
    .split('\n')
    .filter((line) => line.endsWith(` ${instance}`))
    .map((line) => {
      const [taskId = '', fence = ''] = line.split(' ');
      return { taskId, fence: Number(fence) };
    });
}
