import { appendFileSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadRoster } from '../../src/swarm/roster.ts';
import type { TaskJson } from '../../src/tasks/task.ts';
import { openProject, type Project, ROOT } from './harness.ts';
import { runFolder } from './swarm-view.ts';

const FIXTURES = join(ROOT, 'test/fixtures');
const SEEDS = [
  'byzantine-coordinator',
  'crdt-synchronizer',
  'gossip-coordinator',
  'performance-benchmarker',
  'quorum-manager',
  'raft-manager',
  'security-manager',
];
/** Names with spaces and dots, broken YAML, documents that happen to be agents, tools and maps of all kinds. */
const ODD = [
  { file: '06__ruvnet__ruflo__base-template-generator.md', id: 'base-template-generator-1' },
  { file: '08__ruvnet__ruflo__MIGRATION_SUMMARY.md', id: 'migration-summary-1' },
  { file: '09__ruvnet__ruflo__analyze-code-quality.md', id: 'code-analyzer-1' },
  { file: '17__ruvnet__ruflo__benchmark-suite.md', id: 'benchmark-suite-1' },
  { file: '56__davila7__claude-code-templates__read-only-auditor.md', id: 'read-only-auditor-1' },
  { file: '71__github__awesome-copilot__diffblue-cover.agent.md', id: 'diffbluecover-1' },
  {
    file: '72__github__awesome-copilot__dotnet-self-learning-architect.agent.md',
    id: 'net-self-learning-architect-1',
  },
];

/** As many tasks as there are agents, each of which waits until all of them are at work. */
function onePerAgent(project: Project, agents: number): string {
  const script = `echo "$AGENT_ID" >>agents; until [ "$(wc -l <agents)" -ge ${agents} ]; do sleep 0.05; done`;
  const tasks = Array.from({ length: agents }, (_, at) => `  - { id: task-${at}, run: '${script}' }`);
  return project.write('tasks.yaml', `tasks:\n${tasks.join('\n')}\n`);
}

const agentFiles = (paths: readonly string[]): string[] => paths.flatMap((path) => ['--agent-file', path]);

describe('agent files as they are found', () => {
  test.each([
    {
      why: 'the seven of the beginning',
      paths: SEEDS.map((name) => join(FIXTURES, 'seed', `${name}.md`)),
      ids: SEEDS.map((name) => `${name}-1`),
    },
    {
      why: 'odd ones',
      paths: ODD.map(({ file }) => join(FIXTURES, 'agents-corpus', file)),
      ids: ODD.map(({ id }) => id),
    },
  ])('$why work side by side, one instance each', async ({ paths, ids }) => {
    const project = openProject();
    const { exitCode, stdout, stderr } = await project.run([
      'run',
      onePerAgent(project, ids.length),
      ...agentFiles(paths),
      '--json',
      '--keep',
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout).summary).toMatchObject({ completed: ids.length, failed: 0 });
    expect(loadRoster(await runFolder(project)).nodes.map(({ id }) => id)).toEqual(ids);
    expect(project.read('agents').split('\n').slice(0, -1).sort()).toEqual([...ids].sort());
  });
});

describe('hooks of a file that comes from elsewhere', () => {
  /** The seed as a project's own agent, and one task for it. */
  function withSeed(project: Project): { readonly agent: string; readonly args: readonly string[] } {
    const agent = join(project.folder, 'raft-manager.md');
    copyFileSync(join(FIXTURES, 'seed/raft-manager.md'), agent);
    const file = project.write(
      'tasks.yaml',
      'tasks:\n  - { id: a, title: Hold an election, run: "echo worked" }\n',
    );
    return { agent, args: ['run', file, '--agents', '1', '--agent-file', agent, '--json'] };
  }

  async function runOneTask(
    project: Project,
    args: readonly string[],
  ): Promise<{ readonly task: TaskJson; readonly stderr: string }> {
    const { exitCode, stdout, stderr } = await project.run(args);
    expect(exitCode, stderr).toBe(0);
    const [task] = JSON.parse(stdout).tasks as TaskJson[];
    if (task === undefined) throw new Error('the report has no task');
    expect(task).toMatchObject({ state: 'completed', output: 'worked\n' });
    return { task, stderr };
  }

  test('nobody allowed them: the task runs without, and its record says so', async () => {
    const project = openProject();
    const { agent, args } = withSeed(project);
    const { task, stderr } = await runOneTask(project, args);
    expect(stderr).toContain(
      `tasks run without hooks: the hooks of raft-manager have not been allowed on this machine`,
    );
    expect(stderr).toContain(`raft-manager hooks allow ${agent}`);
    expect(task.hooks).toEqual([
      expect.objectContaining({
        outcome: 'denied',
        stdout: '',
        stderr: expect.stringContaining('hooks allow'),
      }),
    ]);
  });

  test('nobody allowed them and they are required: nothing begins', async () => {
    const project = openProject();
    const { args } = withSeed(project);
    const { exitCode, stdout, stderr } = await project.run([...args, '--require-hooks']);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/hooks allow .*\[HOOK_DENIED\]/),
    });
    expect(project.processes()).toEqual([]);
  });

  test('they are allowed, run as written, and are asked for again after an edit', async () => {
    const project = openProject();
    const { agent, args } = withSeed(project);
    expect(await project.run(['hooks', 'allow', agent])).toMatchObject({ exitCode: 0 });
    const { task, stderr } = await runOneTask(project, [...args, '--require-hooks']);
    expect(stderr).toBe('');
    expect(task.hooks).toEqual([
      expect.objectContaining({
        hook: 'pre',
        outcome: 'succeeded',
        stdout: '🗳️  Raft Manager starting: Hold an election\n🎯 Preparing leader election process\n',
      }),
      expect.objectContaining({
        hook: 'post',
        outcome: 'succeeded',
        stdout: expect.stringContaining('Raft operation complete'),
      }),
    ]);

    appendFileSync(agent, '\nOne more word.\n');
    const changed = await runOneTask(project, args);
    expect(changed.stderr).toContain('were decided on with other content');
    expect(changed.task.hooks).toEqual([expect.objectContaining({ outcome: 'denied' })]);
  });
});
