import { beforeEach, describe, expect, test } from 'vitest';
import { leaseOf } from '../../src/tasks/task.ts';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

describe('expiry', () => {
  test.each([
    { why: 'renewing', alive: (fence: number) => log.ok({ kind: 'renew', tasks: [{ taskId: 'a', fence }] }) },
    { why: 'starting', alive: (fence: number) => log.ok({ kind: 'start', taskId: 'a', fence }) },
    { why: 'a note', alive: (fence: number) => log.ok({ kind: 'note', taskId: 'a', fence, text: 'x' }) },
  ])('is refused to one who has not seen the latest sign of life (pitfall 15): $why', ({ alive }) => {
    log.submit('a');
    log.register('w1');
    log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w1' }] });
    const fence = log.index;
    alive(fence);
    const renewedAt = log.index;
    expect(log.code({ kind: 'expire', taskId: 'a', fence, renewedAt: fence })).toBe('STALE_EXPIRY');
    expect(leaseOf(log.task('a'))?.renewedAt).toBe(renewedAt);
    log.ok({ kind: 'expire', taskId: 'a', fence, renewedAt });
    expect(log.task('a')).toMatchObject({
      phase: { state: 'queued', notBefore: 0 },
      failures: 0,
      losses: 1,
      reason: 'the lease of w1 ran out',
    });
  });

  test('after five losses a task waits for a person', () => {
    log.submit('a');
    for (let loss = 1; loss <= 5; loss++) {
      expect(log.state('a')).toBe('queued');
      const fence = log.claim('a', `w${loss}`);
      log.ok({ kind: 'expire', taskId: 'a', fence, renewedAt: fence });
    }
    expect(log.task('a')).toMatchObject({
      phase: { state: 'parked', cause: 'losses' },
      reason: 'lost 5 workers; latest: the lease of w5 ran out',
    });
    log.ok({ kind: 'retry', taskId: 'a' });
    expect(log.task('a')).toMatchObject({ phase: { state: 'queued' }, losses: 0 });
  });
});

test('renewal of many names those that are stale', () => {
  log.submit('a', 'b');
  const a = log.claim('a');
  const b = log.claim('b');
  log.ok({ kind: 'release', taskId: 'b', fence: b });
  const tasks = [
    { taskId: 'a', fence: a },
    { taskId: 'b', fence: b },
  ];
  const answer = log.ok({ kind: 'renew', tasks, reservations: [{ reservationId: 'gone', fence: 1 }] });
  expect(answer.renewed).toEqual(['a']);
  expect(answer.stale.map(({ id }) => id)).toEqual(['b', 'gone']);
});

describe('claims', () => {
  const claim = (more: Readonly<Record<string, unknown>> = {}) =>
    log.apply({ kind: 'claim', requestId: 'r1', claimant: { id: 'w', capabilities: ['go'] }, ...more })
      .result;

  test('the same request twice is one claim', () => {
    log.submit('a', 'b');
    const first = claim();
    expect(first).toMatchObject({ ok: true, value: { taskId: 'a', leaseMs: 300_000 } });
    expect(claim()).toEqual(first);
    expect(
      claim({ claimant: { id: 'other', capabilities: [] } }),
      'ids of requests are per claimant',
    ).toMatchObject({
      value: { taskId: 'b' },
    });
  });

  test('the lease may be asked for', () => {
    log.submit('a');
    expect(claim({ leaseMs: 1_000 })).toMatchObject({ value: { leaseMs: 1_000 } });
    expect(leaseOf(log.task('a'))?.durationMs).toBe(1_000);
  });

  test.each([
    { why: 'nothing is there', arrange: () => undefined, more: {}, code: 'NOTHING_READY' },
    {
      why: 'nothing it is able to do',
      arrange: () => log.submit({ id: 'a', requires: ['rust'] }),
      more: {},
      code: 'NOTHING_READY',
    },
    {
      why: 'named, but not able',
      arrange: () => log.submit({ id: 'a', requires: ['rust'] }),
      more: { taskId: 'a' },
      code: 'NOT_CLAIMABLE',
    },
    { why: 'named, but unknown', arrange: () => undefined, more: { taskId: 'a' }, code: 'UNKNOWN_TASK' },
    {
      why: 'named, but taken',
      arrange: () => {
        log.submit('a');
        log.claim('a');
      },
      more: { taskId: 'a' },
      code: 'NOT_CLAIMABLE',
    },
    {
      why: 'named, but pausing after a failure',
      arrange: () => {
        log.submit('a');
        log.failOnce('a');
      },
      more: { taskId: 'a' },
      code: 'NOT_CLAIMABLE',
    },
    {
      why: 'pausing after a failure',
      arrange: () => {
        log.submit('a');
        log.failOnce('a');
      },
      more: {},
      code: 'NOTHING_READY',
    },
    {
      why: 'the swarm is paused',
      arrange: () => {
        log.submit('a');
        log.ok({ kind: 'pause' });
      },
      more: {},
      code: 'PAUSED',
    },
    {
      why: 'the cap is reached',
      arrange: () => {
        log.submit('a', 'b');
        log.claim('b');
        log.ok({ kind: 'configure', maxActive: 1 });
      },
      more: {},
      code: 'LIMIT_EXCEEDED',
    },
  ])('are refused when $why', ({ arrange, more, code }) => {
    arrange();
    expect(claim(more)).toMatchObject({ ok: false, code });
  });
});

describe('instances', () => {
  const holdTwo = () => {
    log.submit('a', 'b', 'c');
    log.register('w1');
    log.ok({
      kind: 'assign',
      assignments: ['b', 'a'].map((taskId) => ({ taskId, instanceId: 'w1' })),
    });
    log.ok({ kind: 'reserve', reservationId: 'r', holder: 'w1', paths: ['src'] });
  };

  test('the same life twice is once, and may change what it is able to do', () => {
    holdTwo();
    const command = {
      kind: 'register',
      instanceId: 'w1',
      agent: 'worker',
      capabilities: ['new'],
      capacity: 1,
      life: 'first',
    } as const;
    expect(log.ok(command)).toEqual({ instanceId: 'w1', returned: [] });
    expect([log.machine.heldBy('w1').size, log.machine.reservations.size]).toEqual([2, 1]);
    expect(log.machine.instances.get('w1')).toMatchObject({ capabilities: ['new'], capacity: 1 });
  });

  test('a new life gives back at once what the old one held', () => {
    holdTwo();
    const command = {
      kind: 'register',
      instanceId: 'w1',
      agent: 'worker',
      capabilities: [],
      capacity: 1,
      life: 'second',
    } as const;
    expect(log.ok(command)).toEqual({ instanceId: 'w1', returned: ['a', 'b'] });
    expect(log.task('a')).toMatchObject({
      phase: { state: 'queued' },
      losses: 1,
      reason: 'w1 was started again',
    });
    expect(log.machine.reservations.size).toBe(0);
    expect(
      log.code({ kind: 'unregister', instanceId: 'w1', life: 'first', cause: 'lost' }),
      'that life is over',
    ).toBe('UNKNOWN_INSTANCE');
  });

  test.each([
    { cause: 'stopped', losses: 0 },
    { cause: 'lost', losses: 1 },
  ])('leaving gives everything back: $cause', ({ cause, losses }) => {
    holdTwo();
    expect(log.ok({ kind: 'unregister', instanceId: 'w1', life: 'first', cause }).returned).toEqual([
      'a',
      'b',
    ]);
    expect(log.task('b')).toMatchObject({ phase: { state: 'queued' }, losses, failures: 0 });
    expect([log.machine.instances.size, log.machine.reservations.size]).toEqual([0, 0]);
  });
});
