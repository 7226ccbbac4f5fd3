import { describe, expect, test } from 'vitest';
import type { SwarmTools, TaskDraft } from '../../../src/agents/executors/port.ts';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { MAX_TASKS_PER_SUBMISSION } from '../../../src/protocol/limits.ts';
import { NO_USAGE } from '../../../src/tasks/usage.ts';
import { emptySwarm } from '../execution.ts';
import { openBench } from './tools-of.ts';

type Detail = NonNullable<Awaited<ReturnType<SwarmTools['task']>>>;

/** Only what is told of a task. */
function taskOf(changed: Partial<Detail>): Detail {
  const told = { id: 'a', title: 'A', state: 'queued', agent: null, output: '', reason: '' };
  return { ...told, ...changed } as Detail;
}

describe('swarm_status', () => {
  test('shows who is there, and what is held', async () => {
    const empty = emptySwarm();
    const glance = await empty.status();
    const status = async () => ({
      ...glance,
      coordinator: 'gardener-2',
      term: 4,
      paused: 'night',
      counts: { ...glance.counts, queued: 2, running: 1 },
      instances: [{ id: 'gardener-2', agent: 'gardener', capabilities: ['roses'], busy: 1 }],
      reservations: [{ id: 'r-1', holder: 'gardener-2', mode: 'shared' as const, paths: ['beds/**'] }],
      usage: { ...NO_USAGE, turns: 7, costMicros: 1_500_000 },
    });
    const bench = await openBench(undefined, { swarm: { ...empty, status } });
    expect(await bench.use('swarm_status', {})).toEqual({
      kind: 'done',
      text: [
        'coordinator: gardener-2, term 4; paused: night',
        'tasks: 2 queued, 1 running',
        'used up: 7 turns, $1.50',
        'instance gardener-2 (gardener): 1 tasks at work; can roses',
        'reservation r-1 (shared) of gardener-2: beds/**',
      ].join('\n'),
    });
  });

  test('shows tasks, and what they said', async () => {
    const tasks: Record<string, Detail> = {
      a: taskOf({ state: 'completed', agent: 'gardener-2', output: 'red' }),
      b: taskOf({ id: 'b', title: 'B', state: 'failed', reason: 'thorns' }),
    };
    const swarm = { ...emptySwarm(), task: async (id: string) => tasks[id] };
    const bench = await openBench(undefined, { swarm });
    expect(await bench.use('swarm_status', { task_ids: ['a', 'b', 'c'] })).toEqual({
      kind: 'done',
      text: 'a (A) is completed by gardener-2\nwhat it said:\nred\n\nb (B) is failed: thorns\n\nc: no such task',
    });
  });

  test('waits for tasks to end, and for somebody to answer again', async () => {
    const looks: (() => Promise<Detail>)[] = [
      async () => taskOf({ state: 'running' }),
      () => Promise.reject(new SwarmError('NO_QUORUM', 'an election')),
      async () => taskOf({ state: 'completed', output: 'red' }),
    ];
    const swarm = {
      ...emptySwarm(),
      task: () => (looks.shift() ?? (() => Promise.reject(new Error('too often'))))(),
    };
    const bench = await openBench(undefined, { swarm });
    const outcome = await bench.use('swarm_status', { task_ids: ['a'], wait_seconds: 300 });
    expect(outcome.text).toMatch(/^a \(A\) is completed/);
    expect(looks).toEqual([]);
  });

  test('waits no longer than it was told to', async () => {
    const swarm = { ...emptySwarm(), task: async () => taskOf({ state: 'running' }) };
    const bench = await openBench(undefined, { swarm });
    expect(await bench.use('swarm_status', { task_ids: ['a'], wait_seconds: 1 })).toMatchObject({
      text: 'a (A) is running',
    });
  });

  test('does not wait for the task that waits', async () => {
    const bench = await openBench(undefined);
    expect(await bench.use('swarm_status', { task_ids: ['roses'], wait_seconds: 9 })).toMatchObject({
      kind: 'refused',
    });
  });

  test('stops to wait when the lease is lost', async () => {
    const lease = new AbortController();
    const swarm = {
      ...emptySwarm(),
      task: async () => {
        lease.abort(new Error('lost'));
        return taskOf({ state: 'running' });
      },
    };
    const bench = await openBench(undefined, { swarm });
    await expect(
      bench.use('swarm_status', { task_ids: ['a'], wait_seconds: 300 }, lease.signal),
    ).rejects.toThrow('lost');
  });
});

describe('task_submit', () => {
  async function submitting(tools: string | undefined, tasks: readonly object[]) {
    const submitted: { tasks: readonly TaskDraft[]; key: string | undefined }[] = [];
    const swarm: SwarmTools = {
      ...emptySwarm(),
      submit: async (drafts, key) => {
        submitted.push({ tasks: drafts, key });
        return drafts.map(({ id }) => id);
      },
    };
    const bench = await openBench(tools, { swarm });
    return { submitted, outcome: await bench.use('task_submit', { tasks }) };
  }

  test('hands tasks over under a key that a turn which is done again has too', async () => {
    const { submitted, outcome } = await submitting(undefined, [
      { id: 'a', prompt: 'prune' },
      { id: 'b', title: 'B', prompt: 'water', depends_on: ['a'], requires: ['roses'], priority: 'high' },
    ]);
    expect(outcome).toEqual({ kind: 'done', text: 'submitted: a, b' });
    expect(submitted).toEqual([
      {
        key: 'roses/1/0',
        tasks: [
          { id: 'a', prompt: 'prune' },
          { id: 'b', title: 'B', prompt: 'water', dependsOn: ['a'], requires: ['roses'], priority: 'high' },
        ],
      },
    ]);
  });

  test.each([
    {
      why: 'a command of an agent that may run none',
      tools: undefined,
      tasks: [{ id: 'a', run: 'rm -rf .' }],
    },
    {
      why: 'a command of an agent that may run only some',
      tools: 'Bash(git *)',
      tasks: [{ id: 'a', run: 'git log' }],
    },
    { why: 'a task without work', tools: undefined, tasks: [{ id: 'a' }] },
    { why: 'an id that is none', tools: undefined, tasks: [{ id: 'a b', prompt: 'x' }] },
    {
      why: 'too many',
      tools: undefined,
      tasks: Array.from({ length: MAX_TASKS_PER_SUBMISSION }, (_, at) => ({ id: `t${at}`, prompt: 'x' })),
    },
  ])('refuses $why', async ({ tools, tasks }) => {
    const { submitted, outcome } = await submitting(tools, tasks);
    expect(outcome.kind).toBe('refused');
    expect(submitted).toEqual([]);
  });

  test('takes a command of an agent that may run any', async () => {
    const { submitted } = await submitting('Bash', [{ id: 'a', run: 'true' }]);
    expect(submitted).toHaveLength(1);
  });
});

test('notes, reservations and their end go to the swarm', async () => {
  const calls: unknown[] = [];
  const swarm: SwarmTools = {
    ...emptySwarm(),
    note: async (text) => void calls.push(['note', text]),
    reserve: async (paths, mode) => {
      calls.push(['reserve', paths, mode]);
      return 'r-9';
    },
    release: async (id) => void calls.push(['release', id]),
  };
  const bench = await openBench(undefined, { swarm });
  expect(await bench.use('task_note', { text: 'half done' })).toEqual({ kind: 'done', text: 'noted' });
  expect(await bench.use('reserve_files', { paths: ['a/**'] })).toEqual({
    kind: 'done',
    text: 'reserved as r-9',
  });
  expect(await bench.use('reserve_files', { paths: ['b'], mode: 'shared' })).toMatchObject({ kind: 'done' });
  expect(await bench.use('release_files', { reservation_id: 'r-9' })).toEqual({
    kind: 'done',
    text: 'released',
  });
  expect(calls).toEqual([
    ['note', 'half done'],
    ['reserve', ['a/**'], 'exclusive'],
    ['reserve', ['b'], 'shared'],
    ['release', 'r-9'],
  ]);
});

test('what the swarm refuses the model is told, with what to do next', async () => {
  const reserve = () =>
    Promise.reject(new SwarmError('RESERVED', 'a/** overlaps a/b, reserved (exclusive) by b-1'));
  const bench = await openBench(undefined, { swarm: { ...emptySwarm(), reserve } });
  expect(await bench.use('reserve_files', { paths: ['a/**'] })).toEqual({
    kind: 'refused',
    text: 'a/** overlaps a/b, reserved (exclusive) by b-1',
  });
});
