import { describe, expect, test } from 'vitest';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { toDetail, toJson } from '../../src/tasks/task.ts';
import { NO_USAGE, type Usage } from '../../src/tasks/usage.ts';
import { Log, replay, restored } from './log.ts';

const state = (text: string): Uint8Array => new TextEncoder().encode(text);
const used = (turns: number, tokens = turns * 100): Usage => ({
  ...NO_USAGE,
  turns,
  inputTokens: tokens,
  costMicros: tokens * 10,
});

/** A log that knows turns, with one task that somebody works on. */
function atWork(spec: Readonly<Record<string, unknown>> = {}): { log: Log; fence: number } {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  log.submit({ id: 'a', prompt: 'think', ...spec });
  return { log, fence: log.claim('a') };
}

function save(log: Log, fence: number, turn: number, more: Readonly<Record<string, unknown>> = {}) {
  const saved = { taskId: 'a', fence, turn, usage: used(turn), state: state(`turn ${turn}`) };
  return log.apply({ kind: 'save-turn', ...saved, ...more });
}

describe('a saved turn', () => {
  test('is kept with the task, replaces the one before, and tells watchers', () => {
    const { log, fence } = atWork();
    save(log, fence, 1);
    expect(save(log, fence, 2).events).toEqual([{ type: 'turn', taskId: 'a', agent: 'claimant', turn: 2 }]);
    expect(log.task('a').saved).toEqual({ turn: 2, state: state('turn 2') });
    expect(toJson(log.task('a'))).toMatchObject({ turn: 2, usage: used(2) });
  });

  test('that is not above the last one of this attempt is answered again, and not applied', () => {
    const { log, fence } = atWork();
    save(log, fence, 2);
    const before = log.task('a');
    const again = save(log, fence, 2, { usage: used(9), state: state('other') });
    expect(again).toEqual({
      result: { ok: true, value: { taskId: 'a', fence, state: 'running' } },
      events: [],
    });
    expect(log.task('a')).toBe(before);
  });

  test('is a sign of life', () => {
    const { log, fence } = atWork();
    save(log, fence, 1);
    expect(log.code({ kind: 'expire', taskId: 'a', fence, renewedAt: fence })).toBe('STALE_EXPIRY');
  });

  test.each([
    { why: 'whose worker is lost', end: (log: Log, fence: number) => expire(log, fence) },
    {
      why: 'that is handed back',
      end: (log: Log, fence: number) => log.ok({ kind: 'release', taskId: 'a', fence }),
    },
    {
      why: 'that failed and is tried again',
      end: (log: Log, fence: number) => log.ok({ kind: 'fail', taskId: 'a', fence, reason: 'overloaded' }),
    },
  ])('is there for whoever has the task next: $why', ({ end }) => {
    const { log, fence } = atWork();
    save(log, fence, 3);
    end(log, fence);
    log.at += 60_000;
    const next = log.claim('a', 'other');
    expect(log.task('a').saved).toEqual({ turn: 3, state: state('turn 3') });
    expect(save(log, next, 1, { usage: used(1) }).result).toMatchObject({ ok: true });
    expect(log.task('a').saved?.turn, 'the next attempt counts for itself').toBe(1);
  });

  test('of a lost lease is refused, and counts nothing', () => {
    const { log, fence } = atWork();
    save(log, fence, 1);
    expire(log, fence);
    log.claim('a', 'other');
    expect(save(log, fence, 2).result).toMatchObject({ ok: false, code: 'STALE_FENCE' });
    expect(log.machine.usage).toEqual(used(1));
  });

  test('may come without state: what was kept stays, what was used up counts', () => {
    const { log, fence } = atWork();
    save(log, fence, 1);
    log.ok({ kind: 'save-turn', taskId: 'a', fence, turn: 2, usage: used(2) });
    expect(log.task('a')).toMatchObject({ saved: { turn: 1 }, progress: { turn: 2 }, usage: used(2) });
  });

  test('may lie beside the log', () => {
    const { log, fence } = atWork();
    const blob = { sha256: 'ab'.repeat(32), bytes: 70_000 };
    log.ok({ kind: 'save-turn', taskId: 'a', fence, turn: 1, usage: used(1), blob });
    expect([...log.machine.namedBlobs()]).toEqual([blob.sha256]);
    save(log, fence, 2);
    expect([...log.machine.namedBlobs()]).toEqual([]);
  });

  test.each([
    { why: 'completed', end: { kind: 'complete' as const } },
    { why: 'cancelled', end: { kind: 'cancel' as const } },
    { why: 'failed for good', end: { kind: 'fail' as const, reason: 'no', next: 'final' } },
  ])('is dropped with a task that is $why; the count of turns is history', ({ end }) => {
    const { log, fence } = atWork();
    save(log, fence, 4);
    log.ok(end.kind === 'cancel' ? { ...end, taskId: 'a' } : { ...end, taskId: 'a', fence });
    expect(log.task('a').saved).toBe(undefined);
    expect('saved' in log.task('a')).toBe(false);
    expect(toJson(log.task('a')).turn).toBe(4);
  });

  test('is bounded: all that open tasks name beside the log', () => {
    const log = new Log();
    log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
    const bytes = 8 * 1024 * 1024;
    const most = (512 * 1024 * 1024) / bytes;
    const nameOne = (at: number): string => {
      const taskId = `t${at}`;
      log.submit(taskId);
      const blob = { sha256: at.toString(16).padStart(64, '0'), bytes };
      const command = { taskId, fence: log.claim(taskId), turn: 1, usage: NO_USAGE, blob };
      return log.code({ kind: 'save-turn', ...command });
    };
    for (let at = 0; at < most; at++) expect(nameOne(at)).toBe('ok');
    expect(nameOne(most)).toBe('LIMIT_EXCEEDED');
    log.ok({ kind: 'cancel', taskId: 't0' });
    expect(nameOne(most + 1)).toBe('ok');
  });

  test('outlives a snapshot, with all that is counted', () => {
    const { log, fence } = atWork({ maxTokens: 1_000 });
    log.ok({ kind: 'configure', maxTokens: 5_000, maxCostMicros: null });
    save(log, fence, 2);
    const image = [
      ...(function* () {
        const pieces = log.machine.capture();
        for (let next = pieces.next(); next.done !== true; next = pieces.next()) yield next.value;
      })(),
    ];
    const again = restored(image);
    expect([...again.tasks]).toEqual([...log.machine.tasks]);
    expect([again.usage, again.settings, again.stateHash]).toEqual([
      log.machine.usage,
      log.machine.settings,
      log.machine.stateHash,
    ]);
    expect(replay(log.entries).stateHash).toBe(again.stateHash);
  });
});

describe('usage', () => {
  test('is reported whole each time, and counted once', () => {
    const { log, fence } = atWork();
    save(log, fence, 1);
    save(log, fence, 2);
    log.ok({ kind: 'complete', taskId: 'a', fence, usage: used(3) });
    log.ok({ kind: 'complete', taskId: 'a', fence, usage: used(3) });
    expect([log.task('a').usage, log.machine.usage]).toEqual([used(3), used(3)]);
  });

  test('of all attempts adds up', () => {
    const { log, fence } = atWork();
    log.ok({ kind: 'fail', taskId: 'a', fence, reason: 'no', usage: used(2) });
    log.at += 60_000;
    const next = log.claim('a');
    save(log, next, 1);
    log.ok({ kind: 'release', taskId: 'a', fence: next, usage: used(2) });
    expect(log.task('a').usage).toEqual(used(4));
  });

  test('never falls, though an executor counts anew', () => {
    const { log, fence } = atWork();
    save(log, fence, 1, { usage: used(5) });
    save(log, fence, 2, { usage: used(1) });
    expect(log.machine.usage).toEqual(used(5));
  });

  test('of tasks that are gone from history is not forgotten', () => {
    const { log, fence } = atWork();
    log.ok({ kind: 'complete', taskId: 'a', fence, usage: used(3) });
    for (let at = 0; at < 10_001; at++) {
      log.submit(`t${at}`);
      log.ok({ kind: 'cancel', taskId: `t${at}` });
    }
    expect(log.machine.tasks.has('a')).toBe(false);
    expect(log.machine.usage).toEqual(used(3));
  });

  test('and the name of the outcome are in the record', () => {
    const { log, fence } = atWork({ model: 'haiku', maxTurns: 3, maxCostMicros: 250_000 });
    log.ok({ kind: 'fail', taskId: 'a', fence, reason: 'wait', code: 'RATE_LIMITED', usage: used(1) });
    expect(toDetail(log.task('a'))).toMatchObject({
      code: 'RATE_LIMITED',
      usage: used(1),
      model: 'haiku',
      maxTurns: 3,
      maxCostUsd: 0.25,
    });
  });
});

describe('the budget of a task', () => {
  test('used up with a turn ends the lease and parks the task', () => {
    const { log, fence } = atWork({ maxTokens: 200 });
    save(log, fence, 1);
    expect(save(log, fence, 2).result).toEqual({
      ok: true,
      value: { taskId: 'a', fence, state: 'parked' },
    });
    const { phase, reason, saved, last } = log.task('a');
    expect([phase, reason]).toEqual([{ state: 'parked', cause: 'budget' }, '200 of 200 tokens are used up']);
    expect([saved?.turn, last?.outcome]).toEqual([2, 'over-budget']);
    expect(log.code({ kind: 'complete', taskId: 'a', fence })).toBe('STALE_FENCE');
  });

  test.each([
    { why: 'a failure that would be tried again', end: { kind: 'fail' as const, reason: 'no' } },
    { why: 'a failure that asks to be parked', end: { kind: 'fail' as const, reason: 'no', next: 'park' } },
    { why: 'a task handed back', end: { kind: 'release' as const } },
  ])('counts at the end too: $why', ({ end }) => {
    const { log, fence } = atWork({ maxCostMicros: 3_000 });
    log.ok({ ...end, taskId: 'a', fence, usage: used(3) });
    expect(log.task('a').phase).toEqual({ state: 'parked', cause: 'budget' });
  });

  test('does not undo what is done', () => {
    const { log, fence } = atWork({ maxTokens: 100 });
    log.ok({ kind: 'complete', taskId: 'a', fence, usage: used(3) });
    expect(log.state('a')).toBe('completed');
  });

  test('is there once more after a retry by hand', () => {
    const { log, fence } = atWork({ maxTokens: 200 });
    save(log, fence, 2);
    log.ok({ kind: 'retry', taskId: 'a' });
    const next = log.claim('a');
    save(log, next, 1);
    expect(log.state('a')).toBe('running');
    save(log, next, 2);
    expect(log.state('a')).toBe('parked');
    expect(log.task('a').usage).toEqual(used(4));
  });
});

describe('the budget of the swarm', () => {
  function spent(): { log: Log; fence: number } {
    const { log, fence } = atWork();
    log.ok({ kind: 'configure', maxTokens: 200 });
    log.submit('b');
    log.register('w1');
    return { log, fence };
  }

  test('used up: nothing new is assigned or claimed, and what runs goes on', () => {
    const { log, fence } = spent();
    expect(save(log, fence, 2).events).toContainEqual({
      type: 'budget',
      exhausted: '200 of 200 tokens are used up',
    });
    expect(log.machine.plan(log.at)).toEqual([]);
    const { skipped } = log.ok({ kind: 'assign', assignments: [{ taskId: 'b', instanceId: 'w1' }] });
    expect(skipped[0]?.why).toMatch(/budget is used up: 200 of 200/);
    const claimant = { id: 'c', capabilities: [] };
    expect(log.code({ kind: 'claim', requestId: 'r', claimant, taskId: 'b' })).toBe('BUDGET_EXHAUSTED');
    log.ok({ kind: 'complete', taskId: 'a', fence, usage: used(3) });
    expect(log.state('a')).toBe('completed');
  });

  test.each([
    { why: 'raised', limits: { maxTokens: 1_000 } },
    { why: 'lifted', limits: { maxTokens: null } },
  ])('$why: work begins again, and those who watch hear of it', ({ limits }) => {
    const { log, fence } = spent();
    save(log, fence, 2);
    const { events } = log.apply({ kind: 'configure', ...limits });
    expect(events).toContainEqual({ type: 'budget', exhausted: undefined });
    expect(log.machine.plan(log.at)).toEqual([{ taskId: 'b', instanceId: 'w1' }]);
  });

  test('set below what was used up stops at once', () => {
    const { log, fence } = atWork();
    save(log, fence, 2);
    const { events } = log.apply({ kind: 'configure', maxCostMicros: 1 });
    expect(events).toContainEqual({ type: 'budget', exhausted: expect.stringContaining('are spent') });
  });

  test('lifted is something else than never set', () => {
    const log = atWork().log;
    log.ok({ kind: 'configure', maxTokens: 5 });
    expect(log.ok({ kind: 'configure', maxTokens: null })).toMatchObject({ maxTokens: 0 });
    expect(log.ok({ kind: 'configure', attempts: 2 })).toMatchObject({ maxTokens: 0 });
  });
});

describe('progress', () => {
  test('reaches those who watch, keeps the lease and leaves nothing in the record', () => {
    const { log, fence } = atWork();
    const { events } = log.apply({ kind: 'progress', taskId: 'a', fence, text: 'reading' });
    expect(events).toEqual([{ type: 'output', taskId: 'a', agent: 'claimant', fence, text: 'reading' }]);
    expect(log.code({ kind: 'expire', taskId: 'a', fence, renewedAt: fence })).toBe('STALE_EXPIRY');
    expect(log.code({ kind: 'progress', taskId: 'a', fence: fence + 1, text: 'x' })).toBe('STALE_FENCE');
  });
});

describe('before the log is at their level', () => {
  const held = { taskId: 'a', fence: 2 };
  test.each([
    { why: 'turns', body: { kind: 'save-turn' as const, ...held, turn: 1, usage: NO_USAGE } },
    { why: 'progress', body: { kind: 'progress' as const, ...held, text: 'x' } },
    { why: 'usage at the end', body: { kind: 'complete' as const, ...held, usage: NO_USAGE } },
    { why: 'a named failure', body: { kind: 'fail' as const, ...held, reason: 'r', code: 'REFUSED' } },
    { why: 'usage of what is handed back', body: { kind: 'release' as const, ...held, usage: NO_USAGE } },
    { why: 'a budget', body: { kind: 'configure' as const, maxTokens: 1 } },
    { why: 'no budget', body: { kind: 'configure' as const, maxCostMicros: null } },
    {
      why: 'a task that names a model',
      body: { kind: 'submit' as const, key: 'k', tasks: [{ id: 'b', model: 'haiku' }] },
    },
  ])('are no command to anybody: $why', ({ body }) => {
    const log = new Log();
    log.submit('a');
    log.claim('a');
    expect(log.code(body)).toBe('MALFORMED');
    log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
    expect(log.code(body)).toBe('ok');
  });

  test('a record has no trace of them, so that older members store the same bytes', () => {
    const log = new Log();
    log.submit('a');
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a'), output: 'done' });
    const record = log.task('a');
    const settings = log.ok({ kind: 'configure', attempts: 2 });
    expect([Object.keys(record), Object.keys(record.last ?? {}), Object.keys(settings)]).toEqual([
      [
        ...[
          'id',
          'spec',
          'phase',
          'order',
          'submittedIndex',
          'submittedAt',
          'attempts',
          'failures',
          'losses',
        ],
        ...['approved', 'reason', 'notes', 'last'],
      ],
      ['fence', 'agent', 'outcome', 'startedAt', 'endedAt', 'exitCode', 'output', 'hooks'],
      ['maxActive', 'attempts', 'leaseMs'],
    ]);
  });

  test('the state hash is what the release before had', () => {
    const log = new Log();
    log.ok({ kind: 'raise-level', level: 2 });
    log.submit('a', { id: 'b', dependsOn: ['a'] });
    log.register('w1');
    log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w1' }] });
    log.ok({ kind: 'complete', taskId: 'a', fence: 4, output: 'done', exitCode: 0 });
    log.failOnce('b');
    log.ok({ kind: 'configure', maxActive: 3 });
    log.ok({ kind: 'pause', reason: 'look' });
    expect(log.machine.stateHash).toBe('438931f998ad6f50');
  });
});

function expire(log: Log, fence: number): void {
  const phase = log.task('a').phase;
  const renewedAt = 'lease' in phase ? phase.lease.renewedAt : fence;
  log.ok({ kind: 'expire', taskId: 'a', fence, renewedAt });
}
