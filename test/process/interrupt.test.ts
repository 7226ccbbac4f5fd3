import { expect, test } from 'vitest';
import { allGone, type Command, eventually, openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

const IDS = ['one', 'two', 'three', 'four', 'five', 'six'];

/** Tasks that say when they begin, wait until somebody writes `go`, and say when they end. */
function waitingTasks(project: Project): string {
  const script = 'echo "$TASK_ID" >>begun; while [ ! -e go ]; do sleep 0.05; done; echo "$TASK_ID" >>ended';
  const tasks = IDS.map((id) => `  - { id: ${id}, run: '${script}' }`);
  return project.write('waiting.yaml', `tasks:\n${tasks.join('\n')}\n`);
}

/** Starts a run and waits until each of its three instances is in the middle of a task. */
async function startBusyRun(project: Project): Promise<Command> {
  const run = project.start(['run', waitingTasks(project)]);
  await eventually('three tasks to be at work', () => linesOf(project, 'begun').length === 3);
  return run;
}

async function expectResumeToComplete(project: Project): Promise<void> {
  const folder = await runFolder(project);
  project.write('go', '');
  const { exitCode, stdout, stderr } = await project.run(['run', '--resume', '--json', '--keep']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout).summary).toMatchObject({ completed: IDS.length, failed: 0, cancelled: 0 });
  expectEachCompletedOnce(await readHistory(folder), IDS);
  expect(linesOf(project, 'ended').sort()).toEqual([...IDS].sort());
}

async function pauseInLog(project: Project): Promise<void> {
  const folder = await runFolder(project);
  const { id } = await coordinatorOf(folder);
  await withClient(folder, id, (client) =>
    eventually('the pause to be in the log', async () => {
      const { paused } = await client.query({ kind: 'overview' });
      return paused !== null;
    }),
  );
}

function linesOf(project: Project, name: string): string[] {
  return project.read(name).split('\n').slice(0, -1);
}

test('Ctrl-C lets what runs come to its end, begins nothing more, and leaves no process', async () => {
  const project = openProject();
  const run = await startBusyRun(project);
  run.signal('SIGINT');
  await pauseInLog(project);
  project.write('go', '');
  const { exitCode, stdout } = await run.ended;
  expect({ exitCode, stdout }).toEqual({
    exitCode: 1,
    stdout: expect.stringContaining('3 completed, 3 queued'),
  });
  expect(project.processes()).toEqual([]);
  expect(linesOf(project, 'ended')).toHaveLength(3);
  await expectResumeToComplete(project);
});

test('Ctrl-C hands back what does not come to an end', async () => {
  const project = openProject();
  const run = await startBusyRun(project);
  run.signal('SIGINT');
  const { exitCode } = await run.ended;
  expect(exitCode).toBe(1);
  expect(project.processes()).toEqual([]);
  await expectResumeToComplete(project);
});

test('Ctrl-C twice ends everything at once, the processes of tasks included', async () => {
  const project = openProject();
  const run = await startBusyRun(project);
  run.signal('SIGINT');
  await eventually('the run to take note', () => run.stdout().includes('stopping'));
  run.signal('SIGINT');
  const { exitCode, stderr } = await run.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('--resume') });
  await allGone(project);
  expect(linesOf(project, 'ended')).toEqual([]);
  await expectResumeToComplete(project);
});

test('instances follow a supervisor that was killed', async () => {
  const project = openProject();
  const run = await startBusyRun(project);
  run.signal('SIGKILL');
  await run.ended;
  await allGone(project);
  expect(linesOf(project, 'ended')).toEqual([]);
  await expectResumeToComplete(project);
});
