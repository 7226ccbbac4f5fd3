import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import type { TaskJson } from '../../src/tasks/task.ts';
import { openProject, ROOT } from './harness.ts';

/** Raft-manager and its six neighbours, with the word in a task's title at which `pre` says its second line. */
const SEEDS = [
  { name: 'raft-manager', word: 'election', said: 'Preparing leader election process' },
  { name: 'quorum-manager', word: 'quorum', said: 'Analyzing network topology and node health' },
  { name: 'security-manager', word: 'consensus', said: 'Activating cryptographic verification' },
  { name: 'crdt-synchronizer', word: 'synchronization', said: 'Preparing delta state computation' },
  { name: 'performance-benchmarker', word: 'benchmark', said: 'Starting performance metric collection' },
  { name: 'byzantine-coordinator', word: 'consensus', said: 'Checking for malicious actors' },
  { name: 'gossip-coordinator', word: 'dissemination', said: 'Establishing peer network topology' },
].map((seed) => ({ ...seed, path: join(ROOT, 'test/fixtures/seed', `${seed.name}.md`) }));

/** One task for each, which only an instance with all of its capabilities is given. */
async function tasksByCapability(): Promise<string> {
  const tasks = await Promise.all(
    SEEDS.map(async ({ name, path, word }) => {
      const { capabilities } = await loadAgentFile(path);
      return { id: name, title: `a ${word} of its own`, run: 'echo "by $AGENT_ID"', requires: capabilities };
    }),
  );
  // JSON is YAML, too.
  return JSON.stringify({ tasks });
}

test('raft-manager and its six neighbours form one swarm, and each is given what only it is able to do', async () => {
  const project = openProject();
  const paths = SEEDS.map(({ path }) => path);
  const lint = await project.run(['agents', 'lint', ...paths, '--json']);
  expect(lint).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(lint.stdout)).toEqual({ files: 7, agents: 7, diagnostics: [] });
  for (const path of paths) {
    expect(await project.run(['hooks', 'allow', path])).toMatchObject({ exitCode: 0, stderr: '' });
  }
  const file = project.write('tasks.yaml', await tasksByCapability());
  const agents = paths.flatMap((path) => ['--agent-file', path]);
  const run = ['run', file, '--agents', String(SEEDS.length), ...agents, '--require-hooks', '--json'];
  const { exitCode, stdout, stderr } = await project.run(run);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const tasks = JSON.parse(stdout).tasks as TaskJson[];
  expect(tasks.map(({ id, output }) => ({ id, output }))).toEqual(
    SEEDS.map(({ name }) => ({ id: name, output: `by ${name}-1\n` })),
  );
  for (const { name, said, word } of SEEDS) {
    const hooks = tasks.find(({ id }) => id === name)?.hooks ?? [];
    expect(
      hooks.map(({ hook, outcome }) => [hook, outcome]),
      name,
    ).toEqual([
      ['pre', 'succeeded'],
      ['post', 'succeeded'],
    ]);
    expect(hooks[0]?.stdout).toContain(`a ${word} of its own`);
    expect(hooks[0]?.stdout).toContain(said);
    expect(hooks[1]?.stdout).not.toBe('');
  }
});
