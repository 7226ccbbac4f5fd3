import { beforeEach, describe, expect, test } from 'vitest';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

const submit = (id: string) => ({ kind: 'submit', key: id, tasks: [{ id }] }) as const;
const stamp = (sequence: number, ack = 1, id = 's') => ({ id, sequence, ack });

describe('exactly once', () => {
  test('a retried command gets its first answer and is not applied again', () => {
    log.submit('a');
    const first = log.apply({ kind: 'cancel', taskId: 'a' }, stamp(1));
    log.ok({ kind: 'retry', taskId: 'a' });
    const again = log.apply({ kind: 'cancel', taskId: 'a' }, stamp(1));
    expect(again).toEqual({ result: first.result, events: [] });
    expect(log.state('a')).toBe('queued');
  });

  test('so does one that was refused', () => {
    const first = log.apply({ kind: 'cancel', taskId: 'a' }, stamp(1));
    log.submit('a');
    expect(log.apply({ kind: 'cancel', taskId: 'a' }, stamp(1)).result).toEqual(first.result);
    expect(log.state('a')).toBe('queued');
  });

  test('commands under way at once may arrive in any order', () => {
    log.ok({ kind: 'session-open', sessionId: 's' });
    log.apply(submit('b'), stamp(2));
    log.apply(submit('a'), stamp(1));
    log.apply(submit('again'), stamp(2));
    expect([...log.machine.tasks.keys()]).toEqual(['b', 'a']);
  });

  test('what the client has acknowledged is forgotten and cannot come again', () => {
    log.apply(submit('a'), stamp(1));
    log.apply(submit('b'), stamp(2, 2));
    expect(log.apply(submit('c'), stamp(1)).result).toMatchObject({ ok: false, code: 'SESSION_EXPIRED' });
    expect(log.machine.tasks.size).toBe(2);
  });

  test('sessions are apart from each other', () => {
    log.apply(submit('a'), stamp(1));
    log.apply(submit('b'), stamp(1, 1, 'other'));
    expect(log.machine.tasks.size).toBe(2);
  });

  test('too many answers that are not acknowledged are refused until they are', () => {
    for (let sequence = 1; sequence <= 1_024; sequence++) log.apply(submit(`t${sequence}`), stamp(sequence));
    expect(log.apply(submit('more'), stamp(1_025)).result).toMatchObject({
      ok: false,
      code: 'LIMIT_EXCEEDED',
    });
    expect(log.apply(submit('more'), stamp(1_025, 2)).result).toMatchObject({ ok: true });
  });

  test('an acknowledgement far ahead does not stall the log', () => {
    log.apply(submit('a'), stamp(1));
    const far = Number.MAX_SAFE_INTEGER;
    expect(log.apply(submit('b'), stamp(far, far)).result).toMatchObject({ ok: true });
    expect(log.apply(submit('c'), stamp(1)).result).toMatchObject({ code: 'SESSION_EXPIRED' });
  });
});

describe('opening and ending', () => {
  test('a session nobody knows is opened by its first command only', () => {
    expect(log.apply(submit('a'), stamp(2)).result).toMatchObject({ ok: false, code: 'SESSION_EXPIRED' });
    expect(log.apply(submit('a'), stamp(1)).result).toMatchObject({ ok: true });
  });

  test('expiry is refused to one who has not seen the latest command', () => {
    log.apply(submit('a'), stamp(1));
    const seen = log.index;
    log.apply(submit('b'), stamp(2));
    const expire = (lastIndex: number) => log.code({ kind: 'session-expire', sessionId: 's', lastIndex });
    expect(expire(seen)).toBe('STALE_EXPIRY');
    const latest = log.machine.sessions.get('s')?.lastIndex ?? 0;
    expect([latest, expire(latest)]).toEqual([seen + 1, 'ok']);
  });

  test('a session that has ended does not begin again: its first command may have been applied', () => {
    log.apply(submit('a'), stamp(1));
    log.ok({ kind: 'session-expire', sessionId: 's', lastIndex: log.index });
    log.ok({ kind: 'cancel', taskId: 'a' });
    expect(log.apply(submit('b'), stamp(1)).result).toMatchObject({ code: 'SESSION_EXPIRED' });
    expect(log.code({ kind: 'session-open', sessionId: 's' })).toBe('SESSION_EXPIRED');
  });

  test('the one idle longest gives way to a new one', () => {
    for (let number = 1; number <= 4_096; number++) log.ok({ kind: 'session-open', sessionId: `s${number}` });
    log.apply(submit('a'), stamp(1, 1, 's1'));
    log.ok({ kind: 'session-open', sessionId: 'new' });
    const { sessions } = log.machine;
    expect([sessions.size, sessions.has('s1'), sessions.has('s2')]).toEqual([4_096, true, false]);
  });
});
