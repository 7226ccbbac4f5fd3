import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TaskJson } from '../../src/tasks/task.ts';
import { MAIN, openProject, type Project, ROOT } from './harness.ts';

/** A PATH on which `raft-manager` is to be found, as an installation leaves it. */
function pathWithCommand(): string {
  const bin = mkdtempSync(join(tmpdir(), 'raft-manager-bin-'));
  onTestFinished(() => rmSync(bin, { recursive: true, force: true }));
  symlinkSync(MAIN, join(bin, 'raft-manager'));
  return `${bin}:${process.env.PATH}`;
}

const FILE = '{tasks: [{id: roses, title: Prune the roses, run: echo worked}]}';

async function hooksOf(project: Project): Promise<TaskJson['hooks']> {
  const { exitCode, stdout, stderr } = await project.run([
    'run',
    project.write('tasks.yaml', FILE),
    '--json',
  ]);
  expect(exitCode, stderr).toBe(0);
  const [task] = JSON.parse(stdout).tasks as TaskJson[];
  expect(task).toMatchObject({ state: 'completed', output: 'worked\n' });
  return task?.hooks ?? [];
}

describe("the hooks of this package's agents", () => {
  test('ask the swarm that runs them, beside another one that is up', async () => {
    const project = openProject({ PATH: pathWithCommand() });
    expect(await project.run(['up', '--agents', '1'])).toMatchObject({ exitCode: 0 });
    const [pre, post] = await hooksOf(project);
    expect(pre).toMatchObject({
      outcome: 'succeeded',
      stdout: expect.stringMatching(
        /^raft-manager: starting: Prune the roses\nquorum: coordinator .*, 3 of 3 voters up\n$/,
      ),
    });
    expect(post).toMatchObject({
      outcome: 'succeeded',
      stdout: expect.stringMatching(/success=true.*\n3 of 3 members are equal at index \d+\n$/s),
    });
  });

  test('say that they asked nobody where the command is not on the PATH', async () => {
    const [pre, post] = await hooksOf(openProject());
    expect(pre).toMatchObject({
      outcome: 'succeeded',
      stdout: expect.stringContaining('not asked for a quorum'),
    });
    expect(post).toMatchObject({ outcome: 'succeeded', stdout: expect.stringContaining('not verified') });
  });

  test('refuse to begin without a quorum', async () => {
    const project = openProject({ PATH: pathWithCommand() });
    const agent = join(ROOT, 'agents/quorum-manager.md');
    const { exitCode, stdout, stderr } = await project.run([
      'hooks',
      'run',
      agent,
      'pre',
      '--task',
      'remove n3',
    ]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'raft-manager: pre hook failed: exit code 1\n',
    });
    expect(stdout).toMatch(/^quorum-manager: starting: remove n3\nraft-manager: no swarm is up/);
    expect(stdout).toMatch(/without a quorum the task is not begun\n$/);
  });
});
