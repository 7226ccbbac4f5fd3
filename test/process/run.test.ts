import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadRoster } from '../../src/swarm/roster.ts';
import type { TaskJson } from '../../src/tasks/task.ts';
import { openProject, ROOT } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { runFolder } from './swarm-view.ts';

/** In order of their lines in the file. */
const RELEASE = [
  'preflight',
  'metadata',
  'exports',
  'licence-text',
  'dependency-licences',
  'file-sizes',
  'leftovers',
  'links',
  'release-notes',
  'sbom',
  'pack',
  'contents',
  'checksums',
  'stage',
  'verify-staging',
  'ready',
];

test('the release of this repository, from its own folder', async () => {
  const project = openProject();
  const args = ['run', 'examples/release.yaml', '--json', '--keep', '--dir', project.state];
  const { exitCode, stdout, stderr } = await project.run(args, { cwd: ROOT });
  const folder = await runFolder(project);
  const { name, nodes } = loadRoster(folder);
  onTestFinished(() => rmSync(join(ROOT, '.raft-manager/work', name), { recursive: true, force: true }));

  expect({ exitCode, stderr }, failuresIn(stdout)).toEqual({ exitCode: 0, stderr: '' });
  const report = JSON.parse(stdout);
  expect(report.summary).toEqual({
    completed: RELEASE.length,
    failed: 0,
    cancelled: 0,
    blocked: 0,
    parked: 0,
  });
  expect(report.tasks.map(({ id }: TaskJson) => id)).toEqual(RELEASE);
  expect(report.swarm).toBe(name);
  expect(nodes.map(({ id }) => id)).toContain(report.coordinator);
  for (const { id, title, hooks } of report.tasks as TaskJson[]) {
    const [pre, post] = hooks;
    expect(pre, id).toMatchObject({
      hook: 'pre',
      outcome: 'succeeded',
      stdout: expect.stringContaining(title),
    });
    expect(post, id).toMatchObject({
      hook: 'post',
      outcome: 'succeeded',
      stdout: expect.stringContaining('success=true'),
    });
  }
  expect(report.tasks.find(({ id }: TaskJson) => id === 'stage').attempts).toBe(2);
  expectEachCompletedOnce(await readHistory(folder), RELEASE);
  expect(project.processes()).toEqual([]);
});

function failuresIn(stdout: string): string {
  if (stdout === '') return 'no report';
  const { tasks } = JSON.parse(stdout) as { tasks: TaskJson[] };
  return tasks
    .flatMap(({ id, state, output }) => (state === 'completed' ? [] : [`${id} ${state}: ${output}`]))
    .join('\n');
}

test('what a person reads: lines while it runs, a report at the end, nothing left behind', async () => {
  const project = openProject();
  const file = project.write(
    'greet.yaml',
    'tasks:\n  - { id: greet, title: Say hello, run: "echo hello" }\n',
  );
  const { exitCode, stdout, stderr } = await project.run(['run', file]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/greet/);
  expect(stdout).toMatch(/1 completed/);
  const resumed = await project.run(['run', '--resume']);
  expect(resumed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('no unfinished run') });
});

test('what failed is tried again by --resume, and what depends on it comes along', async () => {
  const project = openProject();
  const file = project.write(
    'gate.yaml',
    `tasks:
  - { id: before, run: 'echo "$TASK_ID" >>done' }
  - { id: gate, run: 'test -e open; echo "$TASK_ID" >>done', dependsOn: [before] }
  - { id: after, run: 'echo "$TASK_ID" >>done', dependsOn: [gate] }
`,
  );
  const first = await project.run(['run', file, '--json']);
  expect(first).toMatchObject({ exitCode: 1, stderr: '' });
  expect(JSON.parse(first.stdout).summary).toMatchObject({ completed: 1, failed: 1, blocked: 1 });
  project.write('open', '');
  const second = await project.run(['run', '--resume', '--json']);
  expect(second).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(second.stdout).summary).toMatchObject({ completed: 3, failed: 0, blocked: 0 });
  expect(project.read('done')).toBe('before\ngate\nafter\n');
});

describe('any number of instances', () => {
  test.each([
    { instances: 1, voters: 1, why: 'alone' },
    { instances: 2, voters: 1, why: 'two voters would not survive the loss of one' },
    { instances: 3, voters: 3, why: 'the default' },
    { instances: 5, voters: 5, why: 'the most that vote' },
    { instances: 8, voters: 5, why: 'three learn' },
  ])('$instances, of which $voters vote ($why)', async ({ instances, voters }) => {
    const project = openProject();
    const ids = Array.from({ length: instances }, (_, at) => `task-${at + 1}`);
    // Each waits until as many are at work as there are instances: nobody can be left out.
    const script = `echo "$AGENT_ID" >>agents; until [ "$(wc -l <agents)" -ge ${instances} ]; do sleep 0.05; done`;
    const file = project.write(
      'all.yaml',
      `tasks:\n${ids.map((id) => `  - { id: ${id}, run: '${script}' }\n`).join('')}`,
    );
    const { exitCode, stdout, stderr } = await project.run([
      'run',
      file,
      '--agents',
      String(instances),
      '--json',
      '--keep',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout).summary).toMatchObject({ completed: instances });
    const folder = await runFolder(project);
    const { nodes } = loadRoster(folder);
    expect(nodes.filter(({ voter }) => voter)).toHaveLength(voters);
    expect(project.read('agents').split('\n').slice(0, -1).sort()).toEqual(nodes.map(({ id }) => id).sort());
    expectEachCompletedOnce(await readHistory(folder), ids);
  });
});

test('output that is larger in sum than any frame between processes', async () => {
  const project = openProject();
  const ids = Array.from({ length: 280 }, (_, at) => `task-${at + 1}`);
  const script = "head -c 65000 /dev/zero | tr '\\0' x";
  const file = project.write(
    'loud.yaml',
    `tasks:\n${ids.map((id) => `  - { id: ${id}, run: "${script.replace('\\', '\\\\')}" }\n`).join('')}`,
  );
  const agent = project.write('plain.md', '---\nname: plain\ndescription: Works without hooks\n---\n');
  const { exitCode, stdout, stderr } = await project.run(['run', file, '--agent-file', agent, '--json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { tasks } = JSON.parse(stdout) as { tasks: TaskJson[] };
  expect(tasks.map(({ id }) => id)).toEqual(ids);
  expect(tasks.every(({ output }) => output === 'x'.repeat(65_000))).toBe(true);
});
