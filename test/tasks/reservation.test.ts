import { beforeEach, describe, expect, test } from 'vitest';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

const reserve = (reservationId: string, holder: string, more: Readonly<Record<string, unknown>> = {}) =>
  log.apply({ kind: 'reserve', reservationId, holder, paths: ['src/**'], ...more }).result;

describe('two holders', () => {
  test.each([
    {
      why: 'exclusive keeps others out',
      first: 'exclusive',
      second: 'exclusive',
      paths: ['src/a.ts'],
      code: 'RESERVED',
    },
    {
      why: 'also those who would share',
      first: 'exclusive',
      second: 'shared',
      paths: ['src/a.ts'],
      code: 'RESERVED',
    },
    {
      why: 'and the other way round',
      first: 'shared',
      second: 'exclusive',
      paths: ['src/a.ts'],
      code: 'RESERVED',
    },
    { why: 'shared goes with shared', first: 'shared', second: 'shared', paths: ['src/a.ts'], code: 'ok' },
    { why: 'other paths are free', first: 'exclusive', second: 'exclusive', paths: ['test'], code: 'ok' },
    {
      why: 'all paths or none',
      first: 'exclusive',
      second: 'exclusive',
      paths: ['test', 'src'],
      code: 'RESERVED',
    },
  ])('$why', ({ first, second, paths, code }) => {
    reserve('r1', 'w1', { mode: first });
    const result = reserve('r2', 'w2', { mode: second, paths });
    expect(result.ok ? 'ok' : result.code).toBe(code);
    expect(log.machine.reservations.size).toBe(code === 'ok' ? 2 : 1);
  });

  test('one merger at a time, whatever the mode', () => {
    expect(reserve('m1', 'w1', { paths: ['merge'], mode: 'shared' })).toMatchObject({ ok: true });
    expect(reserve('m2', 'w2', { paths: ['merge'], mode: 'shared' })).toMatchObject({ code: 'RESERVED' });
    expect(reserve('all', 'w2', { paths: ['**'] }), 'merging is no path').toMatchObject({ ok: true });
  });

  test('who stands in the way is named', () => {
    reserve('r1', 'w1');
    expect(reserve('r2', 'w2', { paths: ['src/x'] })).toMatchObject({
      message: 'src/x overlaps src/**, reserved (exclusive) by w1 as r1',
    });
  });
});

describe('one holder', () => {
  test('the same reservation twice is once', () => {
    const first = reserve('r', 'w');
    expect(reserve('r', 'w')).toEqual(first);
    expect(reserve('r', 'w', { paths: ['docs'] }), 'other paths are no retry').toMatchObject({
      code: 'RESERVED',
    });
    expect(reserve('r', 'other', { paths: ['docs'] })).toMatchObject({ code: 'RESERVED' });
  });

  test('is not in its own way, but two of its tasks are in each other’s', () => {
    log.submit('a', 'b');
    const a = { taskId: 'a', fence: log.claim('a', 'w') };
    const b = { taskId: 'b', fence: log.claim('b', 'w') };
    expect(reserve('r1', 'w', { task: a })).toMatchObject({ ok: true });
    expect(reserve('r2', 'w', { task: a, paths: ['src/x'] })).toMatchObject({ ok: true });
    expect(reserve('r3', 'w', { task: b, paths: ['src/x'] })).toMatchObject({ code: 'RESERVED' });
  });
});

describe('the end', () => {
  test('comes with the fence only', () => {
    reserve('r', 'w');
    const fence = log.index;
    expect(log.code({ kind: 'release-reservation', reservationId: 'r', fence: 99 })).toBe('STALE_FENCE');
    const { events } = log.apply({ kind: 'release-reservation', reservationId: 'r', fence });
    expect(events).toEqual([
      { type: 'reservation', reservationId: 'r', change: 'released', holder: 'w', paths: ['src/**'] },
    ]);
    expect(log.code({ kind: 'release-reservation', reservationId: 'r', fence })).toBe('UNKNOWN_RESERVATION');
  });

  test('expiry is checked against the latest renewal', () => {
    reserve('r', 'w', { leaseMs: 1_000 });
    const fence = log.index;
    log.ok({ kind: 'renew', reservations: [{ reservationId: 'r', fence }] });
    const expire = (renewedAt: number) =>
      log.code({ kind: 'expire-reservation', reservationId: 'r', fence, renewedAt });
    expect([expire(fence), expire(fence + 1)]).toEqual(['STALE_EXPIRY', 'ok']);
    expect(log.machine.reservations.size).toBe(0);
  });

  test.each([
    { why: 'done', body: { kind: 'complete' } },
    { why: 'failed', body: { kind: 'fail', reason: 'x' } },
    { why: 'handed back', body: { kind: 'release' } },
    { why: 'cancelled', body: { kind: 'cancel', fence: undefined } },
  ] as const)('comes with the end of the task it was made for: $why', ({ body }) => {
    log.submit('a');
    const fence = log.claim('a', 'w');
    reserve('mine', 'w', { task: { taskId: 'a', fence } });
    reserve('own', 'w', { paths: ['docs'] });
    const command = body.kind === 'cancel' ? { kind: 'cancel' as const } : { ...body, fence };
    log.ok({ ...command, taskId: 'a' });
    expect([...log.machine.reservations.keys()]).toEqual(['own']);
  });
});
