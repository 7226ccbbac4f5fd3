import { expect, onTestFinished, test } from 'vitest';
import { SwarmClient } from '../../src/api/swarm-client.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import { blocksOf } from '../claude-api/request.ts';
import { says, silence, use, wants } from '../claude-api/script.ts';
import { startClaudeApi } from '../claude-api/server.ts';
import { eventually, kill, openProject } from './harness.ts';
import { standingFolder } from './swarm-view.ts';

const AGENT = `---
name: gardener
description: looks after roses
tools: Bash
---
You look after roses.
`;

/** Leaves a mark outside of the conversation: a turn that is done twice leaves two. */
const turn = (number: number) => wants(use('Bash', { command: `echo ${number} >> turns.txt` }));

test('an agent that is killed in its fourth turn is followed by one that begins with the fourth', async () => {
  const api = await startClaudeApi([turn(1), turn(2), turn(3), silence, turn(4), says('All pruned.')]);
  const project = openProject({ ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'a key that is none' });
  const file = project.write('gardener.md', AGENT);
  const up = ['up', '--agents', '3', '--agent-file', file, '--executor', 'claude', '--model', 'haiku'];
  expect(await project.run(up)).toMatchObject({ exitCode: 0 });
  // A swarm keeps turns from the moment on that its coordinator has heard every member.
  await eventually('a log that keeps turns', async () =>
    (await project.run(['log', '--json'])).stdout.includes('raise-level'),
  );
  const client = await SwarmClient.connect({ dir: project.state });
  onTestFinished(() => client.close());
  await client.submit([{ id: 'roses', prompt: 'Prune the roses.' }]);

  await api.arrived(4);
  const [atWork] = await client.tasks();
  const doomed = findEndpoint(standingFolder(project), (atWork?.agent ?? '') as NodeId);
  kill(doomed?.pid ?? 0, 'SIGKILL');
  await api.requests[3]?.hungUp;

  const [task] = await client.settled(['roses']);
  expect(task).toMatchObject({ state: 'completed', output: 'All pruned.', attempts: 2, losses: 1 });
  // The last turn is the result, and saved as that.
  expect(task?.turn).toBe(4);
  expect(task?.usage).toMatchObject({ turns: 5, inputTokens: 50, outputTokens: 25 });
  expect(project.read('turns.txt')).toBe('1\n2\n3\n4\n');

  // The fourth turn is asked for again, in the same words but for who asks, and nothing before it.
  const [lost, again] = api.requests.slice(3).map(({ body }) => body.messages);
  expect(again?.slice(0, -1)).toEqual(lost?.slice(0, -1));
  const [, remark] = blocksOf(again?.at(-1));
  expect(remark?.text).toMatch(/You are gardener-\d now, attempt 2, under fence \d+/);
  expect(new Set(api.requests.map(({ body }) => body.model))).toEqual(new Set(['claude-haiku-5-5']));
  expect(api.stepsLeft).toBe(0);
  expect(api.faults).toEqual([]);
});
