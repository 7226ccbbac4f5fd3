import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Execution, ExecutionResult, Executor, SavedTurn } from '../../src/agents/executors/port.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import type { Notice } from '../../src/swarm/port.ts';
import type { TaskSpec } from '../../src/tasks/command.ts';
import { isSettled, type TaskDetail } from '../../src/tasks/task.ts';
import { NO_USAGE, type Usage } from '../../src/tasks/usage.ts';
import { stand, until } from './instances.ts';

const done = (output: string, more: Partial<ExecutionResult> = {}): ExecutionResult => ({
  outcome: 'completed',
  exitCode: undefined,
  reason: undefined,
  durationMs: 1,
  output,
  ...more,
});

function executing(execute: (execution: Execution) => Promise<ExecutionResult>): Executor {
  return { name: 'test', refuse: () => undefined, execute };
}

const turns = (count: number): Usage => ({ ...NO_USAGE, turns: count, inputTokens: 10 * count });

async function submit(client: SwarmClient, ...tasks: readonly (Partial<TaskSpec> & { id: string })[]) {
  const specs = tasks.map((task): TaskSpec => {
    return {
      title: task.id,
      prompt: 'think',
      requires: [],
      priority: 'normal',
      dependsOn: [],
      env: {},
      ...task,
    };
  });
  await client.execute({ kind: 'submit', key: specs.map(({ id }) => id).join(), tasks: specs });
}

async function settled(client: SwarmClient, id: string): Promise<TaskDetail> {
  for (;;) {
    const task = await client.query({ kind: 'task', id });
    if (task !== null && isSettled(task.state)) return task;
  }
}

/** Until the attempt is taken away, or for ever. */
function stuck({ signal }: Execution): Promise<ExecutionResult> {
  return new Promise((resolve) => {
    const give = (): void => resolve(done('', { outcome: 'cancelled' }));
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
  });
}

describe('an attempt that is lost', () => {
  test.each([
    { why: 'small state, in the log', bytes: 100 },
    { why: 'large state, beside it', bytes: 300_000 },
  ])('is gone on with by another instance: $why', async ({ bytes }) => {
    const state = Uint8Array.from({ length: bytes }, (_, at) => at % 251);
    const loaded: (SavedTurn | undefined)[] = [];
    let atTurn: (holder: string) => void = () => undefined;
    const halfWay = new Promise<string>((resolve) => {
      atTurn = resolve;
    });
    const { client, folder, instances } = await stand({
      instances: 3,
      executor: executing(async (execution) => {
        const saved = await execution.checkpoint.load();
        loaded.push(saved);
        if (saved !== undefined) return done('all', { usage: turns(1) });
        await execution.checkpoint.save({ turn: 1, usage: turns(1), state: new Uint8Array([1]) });
        await execution.checkpoint.save({ turn: 2, usage: turns(2), state });
        atTurn(execution.instanceId);
        return stuck(execution);
      }),
    });
    await submit(client, { id: 'a' });
    const holder = await halfWay;
    await instances.get(holder)?.stop('at-once');
    instances.delete(holder);
    // What the coordinator does by itself, once the silence has lasted.
    await client.execute({ kind: 'retire', memberId: holder });
    const task = await settled(client, 'a');
    expect(task).toMatchObject({ state: 'completed', output: 'all', attempts: 2, usage: turns(3) });
    expect(task.agent).not.toBe(holder);
    expect(loaded).toEqual([undefined, { turn: 2, usage: turns(2), state }]);
    const others = [...instances.keys()].map((id) => readdirSync(folder.blobs(id as NodeId)).length);
    expect(others.filter((count) => count > 0).length > 0).toBe(bytes > 16 * 1024);
  });
});

test('whoever becomes a voter gets the large state that was stored before', async () => {
  const state = new Uint8Array(300_000).fill(7);
  const { client, folder, instances, raise } = await stand({
    instances: 3,
    absent: 1,
    executor: executing(async (execution) => {
      await execution.checkpoint.save({ turn: 1, usage: turns(1), state });
      return stuck(execution);
    }),
  });
  await submit(client, { id: 'a' });
  await until(async () => (await client.query({ kind: 'task', id: 'a' }))?.turn === 1);
  const late = 'raft-manager-3' as NodeId;
  await raise(late);
  expect(readdirSync(folder.blobs(late))).toEqual([]);
  const [leader = ''] = [...instances].flatMap(([id, { instance }]) =>
    instance.status().role === 'leader' ? [id] : [],
  );
  const coordinator = new SwarmClient({ folder, name: 'test', version: 'test', only: leader });
  onTestFinished(() => coordinator.close());
  await coordinator.changeMembership([{ type: 'add-learner', id: late }]);
  await coordinator.changeMembership([{ type: 'add-voter', id: late }]);
  await until(async () => readdirSync(folder.blobs(late)).length === 1);
});

describe('whoever works on a task', () => {
  test('knows what it is about, and what the swarm gives it', async () => {
    let seen: Partial<Execution> = {};
    const { client } = await stand({
      instances: 1,
      work: { model: 'sonnet', maxTurns: 9 },
      executor: executing(async (execution) => {
        seen = execution;
        return done('');
      }),
    });
    await submit(
      client,
      { id: 'a', title: 'Think', maxTokens: 500 },
      { id: 'b', model: 'haiku', maxTurns: 2 },
    );
    await settled(client, 'a');
    expect(seen.model === 'sonnet' || seen.model === 'haiku').toBe(true);
    await settled(client, 'b');
    expect(seen).toMatchObject({ taskId: 'b', model: 'haiku', maxTurns: 2, attempt: 1, title: 'b' });
    expect(seen.agent?.name).toBe('raft-manager');
    expect(seen.budget?.spent).toEqual(NO_USAGE);
  });

  test('submits, looks, notes and reserves in the name of its instance', async () => {
    const { client } = await stand({
      instances: 1,
      executor: executing(async ({ swarm, taskId }) => {
        if (taskId !== 'a') return done(`did ${taskId}`);
        await swarm.submit([{ id: 'b', prompt: 'think' }], 'once');
        expect(await swarm.submit([{ id: 'c', prompt: 'think' }], 'once')).toEqual(['b']);
        await swarm.note('half done');
        const id = await swarm.reserve(['src/**'], 'exclusive');
        const { reservations, counts, coordinator } = await swarm.status();
        await swarm.release(id);
        await swarm.release(id);
        const queued = await swarm.task('b');
        return done(JSON.stringify({ reservations, counts, coordinator, queued: queued?.state }));
      }),
    });
    await submit(client, { id: 'a' });
    const { output, notes, agent } = await settled(client, 'a');
    expect(JSON.parse(output)).toMatchObject({
      reservations: [{ holder: agent, paths: ['src/**'], mode: 'exclusive' }],
      counts: { running: 1, queued: 1 },
      coordinator: agent,
      queued: 'queued',
    });
    expect(notes).toMatchObject([{ text: 'half done', agent }]);
    expect(await settled(client, 'b')).toMatchObject({ state: 'completed', output: 'did b' });
    expect(await client.query({ kind: 'task', id: 'c' })).toBe(null);
    expect(await client.query({ kind: 'reservations' })).toEqual([]);
  });

  test('keeps what it has reserved as long as it works', async () => {
    let finish: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { client } = await stand({
      instances: 1,
      leaseMs: 600,
      executor: executing(async ({ swarm, fence }) => {
        await swarm.reserve(['src/**'], 'exclusive');
        await released;
        return done(String(fence));
      }),
    });
    await submit(client, { id: 'a' });
    await until(async () => (await client.query({ kind: 'reservations' })).length === 1);
    await until(async () => {
      const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
      const commands = lines.map(
        ({ command }) => command as { kind?: string; reservations?: unknown[] } | null,
      );
      return commands.some((command) => command?.kind === 'renew' && command.reservations?.length === 1);
    });
    finish();
    expect(await settled(client, 'a')).toMatchObject({ state: 'completed', attempts: 1 });
    expect(await client.query({ kind: 'reservations' })).toEqual([]);
  });

  test('is heard by those who watch, while it works', async () => {
    const heard: string[] = [];
    let finish: () => void = () => undefined;
    const isHeard = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const onNotice = (notice: Notice): void => {
      const events = notice.type === 'applied' ? notice.events : [];
      for (const event of events) if (event.type === 'output') heard.push(event.text);
      if (heard.length > 0) finish();
    };
    const { client } = await stand({
      instances: 1,
      onNotice,
      executor: executing(async ({ onOutput }) => {
        for (const token of ['rea', 'ding', ' src\n']) onOutput?.(token);
        await isHeard;
        return done('read');
      }),
    });
    await client.watch();
    await submit(client, { id: 'a' });
    expect(await settled(client, 'a')).toMatchObject({ state: 'completed', output: 'read' });
    expect(heard).toEqual(['reading src\n']);
  });

  test('is heard before its end, however soon that comes', async () => {
    const heard: string[] = [];
    const onNotice = (notice: Notice): void => {
      for (const event of notice.type === 'applied' ? notice.events : []) {
        if (event.type === 'output') heard.push(event.text);
        if (event.type === 'task') heard.push(event.to);
      }
    };
    const { client } = await stand({
      instances: 1,
      onNotice,
      executor: executing(async ({ onOutput }) => {
        onOutput?.('→ Bash: npm test\n');
        return done('green');
      }),
    });
    await client.watch();
    await submit(client, { id: 'a' });
    await until(async () => heard.includes('completed'));
    expect(heard.slice(-2)).toEqual(['→ Bash: npm test\n', 'completed']);
  });
});

describe('how an attempt ends', () => {
  test.each([
    {
      why: 'named, and not worth another attempt',
      end: { outcome: 'failed' as const, reason: 'no', code: 'REFUSED', next: 'final' as const },
      task: { state: 'failed', code: 'REFUSED', failures: 1, reason: 'no' },
    },
    {
      why: 'for a person to look at',
      end: { outcome: 'failed' as const, reason: 'too long', code: 'MAX_TURNS', next: 'park' as const },
      task: { state: 'parked', code: 'MAX_TURNS', reason: 'too long' },
    },
    {
      why: 'with what it has used up',
      end: { outcome: 'completed' as const, usage: turns(4) },
      task: { state: 'completed', usage: turns(4) },
    },
    {
      why: 'without being told to stop, though it says so',
      end: { outcome: 'cancelled' as const, next: 'final' as const },
      task: { state: 'failed', reason: 'cancelled' },
    },
  ])('$why', async ({ end, task }) => {
    const { client } = await stand({ instances: 1, executor: executing(async () => done('', end)) });
    await submit(client, { id: 'a' });
    expect(await settled(client, 'a')).toMatchObject(task);
  });

  test('thrown: as a failure that may be tried again', async () => {
    let attempts = 0;
    const executor = executing(async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('the network is away');
      return done('');
    });
    const { client } = await stand({ instances: 1, executor });
    await submit(client, { id: 'a' });
    expect(await settled(client, 'a')).toMatchObject({ state: 'completed', failures: 1, attempts: 2 });
  });

  test('at its budget: the turn that used it up is the last one, and the task is parked', async () => {
    const codes: string[] = [];
    const executor = executing(async ({ checkpoint }) => {
      for (let turn = 1; ; turn++) {
        await checkpoint.save({ turn, usage: turns(turn), state: new Uint8Array() }).catch((error) => {
          codes.push(error.code);
          throw error;
        });
      }
    });
    const { client } = await stand({ instances: 1, executor });
    await submit(client, { id: 'a', maxTokens: 30 });
    const task = await settled(client, 'a');
    expect(task).toMatchObject({ state: 'parked', reason: '30 of 30 tokens are used up', usage: turns(3) });
    await until(async () => codes.length > 0);
    expect(codes).toEqual(['BUDGET_EXHAUSTED']);
  });
});

describe('the budget that a swarm was founded with', () => {
  test('is known to whoever does its first task', async () => {
    let known: Execution['swarmBudget'] = {};
    const executor = executing(async ({ swarmBudget }) => {
      known = swarmBudget;
      return done('');
    });
    const { client } = await stand({ instances: 1, executor, work: { maxCostMicros: 2_000_000 } });
    await submit(client, { id: 'a' });
    await settled(client, 'a');
    expect(known).toEqual({ maxCostMicros: 2_000_000 });
  });

  test('counts: what comes after it is used up waits, until somebody raises it', async () => {
    const executor = executing(async () => done('', { usage: turns(5) }));
    const { client } = await stand({ instances: 1, executor, work: { maxTokens: 40 } });
    await until(async () => (await client.query({ kind: 'overview' })).budget.maxTokens === 40);
    await submit(client, { id: 'a' });
    await settled(client, 'a');
    await submit(client, { id: 'b' }, { id: 'c', priority: 'low' });
    expect(await client.query({ kind: 'overview' })).toMatchObject({
      usage: turns(5),
      budget: { maxTokens: 40, maxCostUsd: null, exhausted: '50 of 40 tokens are used up' },
      counts: { queued: 2 },
    });
    const claimant = { id: 'somebody', capabilities: [] };
    await expect(client.execute({ kind: 'claim', requestId: 'r', claimant })).rejects.toMatchObject({
      code: 'BUDGET_EXHAUSTED',
    });
    await client.execute({ kind: 'configure', maxTokens: 100 });
    await settled(client, 'b');
    expect((await client.query({ kind: 'task', id: 'c' }))?.state).toBe('queued');
    await client.execute({ kind: 'configure', maxTokens: null });
    expect(await settled(client, 'c')).toMatchObject({ state: 'completed' });
  });
});
