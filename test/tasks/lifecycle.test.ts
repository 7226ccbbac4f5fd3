import { beforeEach, describe, expect, test } from 'vitest';
import { toJson } from '../../src/tasks/task.ts';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

describe('one attempt', () => {
  test('runs from queued over assigned and running to completed', () => {
    log.submit({ id: 'a', run: 'true' });
    log.register('w1');
    const { assigned } = log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w1' }] });
    expect([log.state('a'), assigned]).toEqual(['assigned', [{ taskId: 'a', fence: log.index }]]);
    const fence = log.index;
    log.at = 2_000_000;
    log.ok({ kind: 'start', taskId: 'a', fence });
    expect(log.state('a')).toBe('running');
    log.at = 2_000_500;
    const hooks = [
      { hook: 'pre', outcome: 'succeeded', exitCode: 0, durationMs: 3, stdout: 'hi', stderr: '' },
    ];
    const { events } = log.apply({
      kind: 'complete',
      taskId: 'a',
      fence,
      exitCode: 0,
      output: 'done',
      hooks,
    });
    expect(events).toEqual([
      { type: 'task', taskId: 'a', from: 'running', to: 'completed', agent: 'w1', fence, reason: '' },
    ]);
    expect(toJson(log.task('a'))).toMatchObject({
      id: 'a',
      state: 'completed',
      agent: 'w1',
      attempts: 1,
      fence,
      exitCode: 0,
      startedAt: 2_000_000,
      endedAt: 2_000_500,
      output: 'done',
      hooks,
      finishedIndex: log.index,
    });
  });

  test('a claim takes and starts in one step', () => {
    log.submit('a');
    const fence = log.claim('a');
    expect(log.state('a')).toBe('running');
    expect(toJson(log.task('a'))).toMatchObject({
      agent: 'claimant',
      fence,
      startedAt: log.at,
      endedAt: null,
    });
  });

  test('output beyond the bound is cut', () => {
    log.submit('a');
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a'), output: 'x'.repeat(100_000) });
    expect(log.task('a').last?.output.length).toBe(64 * 1024);
  });

  test('handing back is no failure, and can be said twice', () => {
    log.submit('a');
    const fence = log.claim('a');
    log.ok({ kind: 'release', taskId: 'a', fence, reason: 'lunch' });
    log.ok({ kind: 'release', taskId: 'a', fence, reason: 'lunch' });
    expect(log.task('a')).toMatchObject({
      phase: { state: 'queued', notBefore: 0 },
      failures: 0,
      reason: 'handed back by claimant: lunch',
    });
  });

  test('notes travel with the task, the oldest giving way', () => {
    log.submit('a');
    log.ok({ kind: 'note', taskId: 'a', fence: log.claim('a', 'w1'), text: 'from the first' });
    log.ok({ kind: 'release', taskId: 'a', fence: log.index - 1 });
    const fence = log.claim('a', 'w2');
    expect(log.task('a').notes.map(({ agent, text }) => `${agent}: ${text}`)).toEqual(['w1: from the first']);
    for (let count = 1; count <= 50; count++) log.ok({ kind: 'note', taskId: 'a', fence, text: `${count}` });
    expect([log.task('a').notes.length, log.task('a').notes[0]?.text]).toEqual([50, '1']);
  });
});

describe('failures', () => {
  test('are repeated after a pause that doubles, then the task has failed', () => {
    log.submit({ id: 'a', retries: 2 });
    const pauses: unknown[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      log.failOnce('a');
      const { phase } = log.task('a');
      pauses.push(phase.state === 'queued' ? phase.notBefore - log.at : phase.state);
    }
    expect(pauses).toEqual([500, 1_000, 'failed']);
  });

  test('the pause is capped at a minute', () => {
    log.submit({ id: 'a', retries: 20 });
    for (let attempt = 1; attempt <= 15; attempt++) log.failOnce('a');
    expect(log.task('a').phase).toEqual({ state: 'queued', notBefore: log.at + 60_000 });
  });

  test.each([
    { why: 'three attempts unless said otherwise', settings: {}, spec: {}, attempts: 3 },
    { why: 'or as the swarm is configured', settings: { attempts: 2 }, spec: {}, attempts: 2 },
    { why: 'what the task says comes first', settings: { attempts: 2 }, spec: { retries: 3 }, attempts: 4 },
    { why: 'no retries is one attempt', settings: {}, spec: { retries: 0 }, attempts: 1 },
  ])('$why', ({ settings, spec, attempts }) => {
    log.ok({ kind: 'configure', ...settings });
    log.submit({ id: 'a', ...spec });
    let count = 0;
    while (log.state('a') === 'queued') {
      log.failOnce('a');
      count++;
    }
    expect([count, log.state('a')]).toEqual([attempts, 'failed']);
  });

  test.each([
    { next: 'final', state: 'failed' },
    { next: 'park', state: 'parked' },
  ])('a worker may say that another attempt is no use: $next', ({ next, state }) => {
    log.submit('a');
    const fence = log.claim('a');
    const answer = { taskId: 'a', fence, state };
    expect(log.ok({ kind: 'fail', taskId: 'a', fence, reason: 'no budget', next })).toEqual(answer);
    expect(log.ok({ kind: 'fail', taskId: 'a', fence, reason: 'no budget', next }), 'said twice').toEqual(
      answer,
    );
    expect(log.task('a')).toMatchObject({ phase: { state }, reason: 'no budget', failures: 1 });
  });

  test('a person starts the count afresh', () => {
    log.submit({ id: 'a', retries: 0 });
    log.failOnce('a');
    expect(log.ok({ kind: 'retry', taskId: 'a' })).toEqual({ taskIds: ['a'] });
    expect(log.task('a')).toMatchObject({
      phase: { state: 'queued', notBefore: 0 },
      failures: 0,
      attempts: 1,
    });
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a') });
    expect(log.state('a')).toBe('completed');
  });
});

describe('fences', () => {
  const fenced = [
    { kind: 'start' },
    { kind: 'note', text: 'x' },
    { kind: 'complete' },
    { kind: 'fail', reason: 'x' },
    { kind: 'release' },
    { kind: 'expire', renewedAt: 1 },
    { kind: 'reserve', reservationId: 'r', holder: 'w', paths: ['src'] },
  ] as const;

  test.each(fenced)('an old one is refused: $kind', (body) => {
    log.submit('a');
    const stale = log.claim('a', 'old');
    log.ok({ kind: 'expire', taskId: 'a', fence: stale, renewedAt: stale });
    const fence = log.claim('a', 'new');
    const before = log.task('a');
    const fields =
      body.kind === 'reserve' ? { task: { taskId: 'a', fence: stale } } : { taskId: 'a', fence: stale };
    const { result } = log.apply({ ...body, ...fields });
    expect(result).toMatchObject({ ok: false, code: 'STALE_FENCE' });
    expect(result.ok ? '' : result.message).toContain(`a is running under fence ${fence} by new`);
    expect(log.task('a')).toBe(before);
  });

  test('completing twice under one fence is one completion with one answer', () => {
    log.submit('a');
    const fence = log.claim('a');
    const first = log.apply({ kind: 'complete', taskId: 'a', fence, output: 'once' });
    const record = log.task('a');
    const second = log.apply({ kind: 'complete', taskId: 'a', fence, output: 'twice' });
    expect(second.result).toEqual(first.result);
    expect([second.events, log.task('a')]).toEqual([[], record]);
  });

  test('a task that is gone is unknown', () => {
    expect(log.code({ kind: 'complete', taskId: 'nobody', fence: 1 })).toBe('UNKNOWN_TASK');
  });
});

describe('cancelling', () => {
  test('takes effect at once, also on running work, and tells whose it was', () => {
    log.submit('a');
    const fence = log.claim('a', 'w1');
    const { events } = log.apply({ kind: 'cancel', taskId: 'a', reason: 'no need' });
    expect(events).toEqual([
      { type: 'task', taskId: 'a', from: 'running', to: 'cancelled', agent: 'w1', fence, reason: 'no need' },
    ]);
    expect(log.code({ kind: 'complete', taskId: 'a', fence })).toBe('STALE_FENCE');
  });

  test('twice is once; what is done cannot be cancelled', () => {
    log.submit('a', 'b');
    log.ok({ kind: 'cancel', taskId: 'a' });
    log.ok({ kind: 'cancel', taskId: 'a' });
    log.ok({ kind: 'complete', taskId: 'b', fence: log.claim('b') });
    expect(log.code({ kind: 'cancel', taskId: 'b' })).toBe('WRONG_STATE');
  });
});

describe('gates', () => {
  test('a gated task waits for its dependencies, then for approval', () => {
    log.submit('a', { id: 'b', dependsOn: ['a'], gate: 'release manager' });
    expect(log.state('b')).toBe('queued');
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a') });
    expect(log.task('b')).toMatchObject({
      phase: { state: 'parked', cause: 'gate' },
      reason: 'waits for approval: release manager',
    });
    expect(log.code({ kind: 'retry', taskId: 'b' })).toBe('WRONG_STATE');
    log.ok({ kind: 'approve', taskId: 'b', by: 'ann' });
    expect(log.machine.readyTasks(log.at)).toEqual(['b']);
  });

  test('approval may come before the dependencies are done', () => {
    log.submit('a', { id: 'b', dependsOn: ['a'], gate: 'ci' });
    log.ok({ kind: 'approve', taskId: 'b', by: 'ci' });
    expect(log.machine.readyTasks(log.at)).toEqual(['a']);
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a') });
    expect(log.machine.readyTasks(log.at)).toEqual(['b']);
  });

  test('a task without a gate has nothing to approve', () => {
    log.submit('a');
    expect(log.code({ kind: 'approve', taskId: 'a', by: 'ann' })).toBe('WRONG_STATE');
  });
});
