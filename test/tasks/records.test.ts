import { describe, expect, test } from 'vitest';
import { MAX_RECORD_CHARS, MAX_RECORDS } from '../../src/protocol/limits.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import type { RecordWrite } from '../../src/tasks/member-command.ts';
import { bytesOf, iterated, Log, replay, restored } from './log.ts';

function raised(): Log {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  return log;
}

const named = (key: string, more: Partial<RecordWrite> = {}): RecordWrite => ({
  namespace: 'quorum',
  key,
  ...more,
});
const write = (log: Log, ...writes: readonly RecordWrite[]): string => log.code({ kind: 'record', writes });
const textOf = (log: Log, key: string) => log.machine.records.get(`quorum/${key}`)?.value;

describe('a record', () => {
  test('has the version of the entry that wrote it last', () => {
    const log = raised();
    expect(log.ok({ kind: 'record', writes: [named('a', { value: 'one' })] })).toEqual({ version: 2 });
    expect(log.ok({ kind: 'record', writes: [named('a', { value: 'two' })] })).toEqual({ version: 3 });
    expect(log.machine.records.get('quorum/a')).toEqual({
      ...{ namespace: 'quorum', key: 'a', value: 'two', version: 3, at: log.at },
    });
  });

  test.each([
    { why: 'it is as it was read', expect: 2, code: 'ok', value: 'new' },
    { why: 'somebody was faster', expect: 1, code: 'STALE_VERSION', value: 'old' },
    { why: 'it was to be the first', expect: 0, code: 'STALE_VERSION', value: 'old' },
    { why: 'nobody asks', expect: undefined, code: 'ok', value: 'new' },
  ])('is written where $why: $code', ({ expect: version, code, value }) => {
    const log = raised();
    write(log, named('a', { value: 'old' }));
    const asked = version === undefined ? {} : { expect: version };
    expect(write(log, named('a', { value: 'new', ...asked }))).toBe(code);
    expect(textOf(log, 'a')).toBe(value);
  });

  test('of several all are written or none', () => {
    const log = raised();
    const refused = write(log, named('a', { value: 'x' }), named('b', { value: 'x', expect: 7 }));
    expect([refused, log.machine.records.size]).toEqual(['STALE_VERSION', 0]);
  });

  test('is removed by a write without value, and may come again', () => {
    const log = raised();
    write(log, named('a', { value: 'x' }));
    const { events } = log.apply({ kind: 'record', writes: [named('a', { expect: 2 })] });
    expect(events).toEqual([{ type: 'record', namespace: 'quorum', key: 'a', version: undefined }]);
    expect(write(log, named('a', { value: 'y', expect: 0 }))).toBe('ok');
  });

  test('is no command before all members know of such', () => {
    expect(write(new Log(), named('a', { value: 'x' }))).toBe('MALFORMED');
  });

  test.each([
    { why: 'a namespace with a slash', given: { namespace: 'a/b', key: 'k' } },
    { why: 'a key with a slash', given: { namespace: 'a', key: '../k' } },
    { why: 'too long a value', given: named('k', { value: 'x'.repeat(MAX_RECORD_CHARS + 1) }) },
  ])('is not $why', ({ given }) => {
    expect(() => write(raised(), given)).toThrow(/writes\[0\]/);
  });
});

test('there are only so many, and what is there can still be changed', () => {
  const log = raised();
  for (let at = 0; at < MAX_RECORDS; at += 50) {
    write(log, ...Array.from({ length: 50 }, (_, more) => named(`k${at + more}`, { value: '' })));
  }
  expect(write(log, named('one-more', { value: 'x' }))).toBe('LIMIT_EXCEEDED');
  expect(write(log, named('k7', { value: 'x' }))).toBe('ok');
  expect(write(log, named('k7'), named('one-more', { value: 'x' }))).toBe('ok');
});

test('a snapshot holds them, and replicas agree', () => {
  const log = raised();
  write(log, named('a', { value: 'x' }), named('b', { value: 'y' }));
  write(log, named('a'));
  const again = restored([...iterated(log.machine.capture())]);
  expect([...again.records]).toEqual([...log.machine.records]);
  expect(bytesOf(again)).toBe(bytesOf(log.machine));
  expect(replay(log.entries).stateHash).toBe(log.machine.stateHash);
});
