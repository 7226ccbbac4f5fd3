import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { TaskJson } from '../../src/tasks/task.ts';
import { CLIENT, endless, line, type Step, USAGE, WORK } from '../executors/claude-code/stand-in.ts';
import { eventually, kill, openProject, type Project } from './harness.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

interface Garden extends Project {
  /** Arguments of each call of the client so far. */
  calls(): readonly (readonly string[])[];
}

/** A project with one task, for a client that follows `script`. */
function openGarden(script: {
  readonly begun?: readonly Step[];
  readonly resumed?: readonly Step[];
}): Garden {
  const project = openProject({ RAFT_MANAGER_CLAUDE: CLIENT });
  const STAND_IN = project.write('script.json', JSON.stringify(script));
  const STAND_IN_LOG = join(project.folder, 'calls.jsonl');
  const env = { STAND_IN, STAND_IN_LOG };
  project.write('tasks.json', JSON.stringify({ tasks: [{ id: 'roses', prompt: 'prune the roses', env }] }));
  return {
    ...project,
    calls: () =>
      project
        .read('calls.jsonl')
        .split('\n')
        .filter((call) => call !== '')
        .map((call) => (JSON.parse(call) as { args: readonly string[] }).args),
  };
}

const RUN = ['run', 'tasks.json', '--executor', 'claude-code', '--json'];

function taskOf(stdout: string): TaskJson | undefined {
  return (JSON.parse(stdout) as { tasks: TaskJson[] }).tasks[0];
}

describe('a swarm whose work Claude Code does', () => {
  test('completes a prompt, and knows what it has cost', async () => {
    const garden = openGarden({ begun: WORK });
    // One alone knows at once that every member can count usage.
    const { exitCode, stdout, stderr } = await garden.run([...RUN, '--agents', '1']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(taskOf(stdout)).toMatchObject({
      state: 'completed',
      output: 'The roses are pruned.',
      usage: USAGE,
      attempts: 1,
    });
  });

  test('goes on with the session when the process of its instance is killed', async () => {
    const garden = openGarden({
      begun: [line.init, endless()],
      resumed: [line.said('m2', [line.text('The roses are pruned.')]), line.result()],
    });
    const run = garden.start(RUN);
    const folder = await runFolder(garden);
    const { id } = await coordinatorOf(folder);
    const holder = await withClient(folder, id, (client) =>
      eventually('a turn to be saved', async () => {
        const task = await client.query({ kind: 'task', id: 'roses' });
        return (task?.turn ?? 0) > 0 ? (task?.agent ?? undefined) : undefined;
      }),
    );
    kill(findEndpoint(folder, holder as NodeId)?.pid ?? 0, 'SIGKILL');
    const { exitCode, stdout } = await run.ended;
    expect(exitCode).toBe(0);
    expect(taskOf(stdout)).toMatchObject({
      state: 'completed',
      output: 'The roses are pruned.',
      attempts: 2,
    });
    const [first, second] = garden.calls().map((args) => args[3]);
    expect(second).toBe(first?.replace('--session-id=', '--resume='));
    expect(garden.calls()).toHaveLength(2);
    expect(garden.processes()).toEqual([]);
  });

  test('does not begin where the client is missing', async () => {
    const project = openProject({ RAFT_MANAGER_CLAUDE: '/nowhere/claude' });
    project.write('tasks.json', '{"tasks": [{"id": "roses", "prompt": "prune"}]}');
    expect(await project.run(RUN)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('/nowhere/claude is no executable file'),
    });
    expect(project.processes()).toEqual([]);
  });
});
