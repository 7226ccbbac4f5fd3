import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSwarm } from '../../src/api/create-swarm.ts';
import type { Work } from '../../src/api/work.ts';
import { openClient, openSwarm } from './swarms.ts';

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const echo: Work = ({ prompt, worker }) => `${prompt}, said ${worker}`;

test('a function does the work of every instance, and the folder goes with the swarm', async () => {
  const { client, dir, instances, stop } = await openSwarm({ instances: 3, executor: echo });
  const ids = await client.submit([{ prompt: 'one' }, { prompt: 'two' }, { prompt: 'three' }]);
  const tasks = await client.settled(ids);
  const said = tasks.map(({ agent, output, state }) => ({ agent, output, state }));
  const names = instances.map(({ id }) => id);
  for (const [at, word] of ['one', 'two', 'three'].entries()) {
    const worker = said[at]?.agent ?? '';
    expect(names).toContain(worker);
    expect(said[at]).toMatchObject({ output: `${word}, said ${worker}`, state: 'completed' });
  }
  await stop();
  expect(existsSync(dir)).toBe(false);
});

test('the function knows the attempt, leaves notes for the next one, and says whether there is one', async () => {
  const seen: unknown[] = [];
  const { client } = await openSwarm({
    executor: async ({ attempt, fence, note, notes, taskId, title }) => {
      seen.push({ attempt, hasFence: fence > 0, notes: notes.map(({ text }) => text), taskId, title });
      await note(`tried ${attempt}`);
      return attempt === 1 ? { failed: 'not yet' } : { failed: 'never', next: 'final', output: 'gave up' };
    },
  });
  const [id] = await client.submit([{ id: 'dig', title: 'Dig a well', prompt: 'dig' }]);
  expect(await client.settled([id])).toMatchObject([
    { state: 'failed', failures: 2, reason: expect.stringContaining('never'), output: 'gave up' },
  ]);
  expect(seen).toEqual([
    { attempt: 1, hasFence: true, notes: [], taskId: 'dig', title: 'Dig a well' },
    { attempt: 2, hasFence: true, notes: ['tried 1'], taskId: 'dig', title: 'Dig a well' },
  ]);
});

test('whoever stops hands back its work and its office; the others go on', async () => {
  let leaderId: string | null = null;
  let begun: () => void = () => undefined;
  const leaderAtWork = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const { client, instances } = await openSwarm({
    instances: 3,
    executor: ({ signal, worker }) => {
      if (worker !== leaderId) return 'done';
      begun();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('too late')));
    },
  });
  leaderId = (await client.status()).coordinator;
  const leader = instances.find(({ id }) => id === leaderId);
  if (leader === undefined) throw new Error(`${leaderId} is none of ours`);
  // One for each: they are given out together.
  const ids = await client.submit([{ prompt: 'a' }, { prompt: 'b' }, { prompt: 'c' }]);
  await leaderAtWork;
  await leader.stop();
  const tasks = await client.settled(ids);
  expect(tasks.map(({ output, state }) => ({ output, state }))).toEqual(
    ids.map(() => ({ output: 'done', state: 'completed' })),
  );
  expect(Math.max(...tasks.map(({ attempts }) => attempts))).toBeGreaterThan(1);
  expect(tasks.every(({ failures, losses }) => failures + losses === 0)).toBe(true);
  const { coordinator, quorum } = await client.status();
  expect(quorum).toBe(true);
  expect(coordinator).not.toBe(leaderId);
});

test('a folder of one’s own keeps the log for the next start', async () => {
  const dir = openFolder();
  const first = await openSwarm({ dir, instances: 3, executor: echo });
  const [id] = await first.client.submit([{ prompt: 'remember' }]);
  await first.client.settled([id]);
  await expect(createSwarm({ dir })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  await first.stop();
  const second = await openSwarm({ dir });
  expect(second.instances.map((instance) => instance.id)).toEqual(
    first.instances.map((instance) => instance.id),
  );
  expect(await second.client.task(id)).toMatchObject({ state: 'completed' });
});

test('other programs reach it by its folder', async () => {
  const swarm = await openSwarm({ executor: echo });
  const other = await openClient(swarm, { name: 'other' });
  const [id] = await other.submit([{ prompt: 'hello' }]);
  expect(await other.settled([id])).toMatchObject([{ output: 'hello, said raft-manager-1' }]);
});

test.each([
  { why: 'no instances', options: { instances: 0 } },
  { why: 'no such agent file', options: { agents: ['/nowhere/gardener.md'] } },
  { why: 'a lease that nobody could renew', options: { leaseMs: 1 } },
])('$why: refused, and nothing is left', async ({ options }) => {
  const dir = join(openFolder(), 'state');
  await expect(createSwarm({ dir, ...options })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  expect(existsSync(dir)).toBe(false);
});
