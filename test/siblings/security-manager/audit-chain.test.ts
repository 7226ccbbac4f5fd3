import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { MAX_AUDIT_RECORDS } from '../../../src/protocol/limits.ts';
import {
  recordsOf,
  type StoredValue,
  verifyChain,
} from '../../../src/siblings/security-manager/audit-chain.ts';
import { type AuditStore, appendToAudit } from '../../../src/siblings/security-manager/audit-log.ts';
import type { AuditEvent } from '../../../src/siblings/security-manager/audit-record.ts';
import { LATEST_LEVEL } from '../../../src/tasks/member.ts';
import type { RecordWrite } from '../../../src/tasks/member-command.ts';
import { Log } from '../../tasks/log.ts';

function raised(): Log {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  return log;
}

const stored = (log: Log) =>
  [...log.machine.records.values()].filter(({ namespace }) => namespace === 'audit');

function storeOf(log: Log): AuditStore {
  return {
    read: async () => stored(log),
    write: async (writes) => {
      const code = log.code({ kind: 'record', writes });
      if (code !== 'ok') throw new SwarmError(code as 'STALE_VERSION', code);
    },
  };
}

const event = (detail: string): AuditEvent => ({
  by: 'n1',
  subject: 'member n2',
  kind: 'flood',
  count: 1,
  detail,
});
const events = (count: number): readonly AuditEvent[] =>
  Array.from({ length: count }, (_, i) => event(`${i}`));

async function logOf(count: number): Promise<Log> {
  const log = raised();
  await appendToAudit(storeOf(log), events(count), 1_000);
  return log;
}

describe('the audit log', () => {
  test('is whole as it is written, and holds what was said in order', async () => {
    const log = await logOf(20);
    const [first, second] = recordsOf(stored(log));
    expect(first).toMatchObject({ sequence: 1, at: 1_000, detail: '0', prev: '0'.repeat(64) });
    expect(second?.prev).toMatch(/^[0-9a-f]{64}$/);
    expect(recordsOf(stored(log)).map(({ detail }) => detail)).toEqual(
      events(20).map(({ detail }) => detail),
    );
    expect(verifyChain(stored(log))).toMatchObject({ kind: 'whole', records: 20, dropped: 0 });
  });

  test('is whole while it is empty', () => {
    expect(verifyChain([])).toMatchObject({ kind: 'whole', records: 0 });
  });

  test('keeps the latest, and where those before them ended', async () => {
    const log = await logOf(MAX_AUDIT_RECORDS + 40);
    const verdict = verifyChain(stored(log));
    expect(verdict).toMatchObject({ kind: 'whole', records: MAX_AUDIT_RECORDS, dropped: 40 });
    expect(stored(log)).toHaveLength(MAX_AUDIT_RECORDS + 2);
  });

  test('loses nothing when two append at once', async () => {
    const log = raised();
    await Promise.all(['a', 'b', 'c'].map((who) => appendToAudit(storeOf(log), [event(who), event(who)], 1)));
    const details = recordsOf(stored(log)).map(({ detail }) => detail);
    expect([...details].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect(verifyChain(stored(log))).toMatchObject({ kind: 'whole', records: 6 });
  });

  test('cuts what is too long for a line', async () => {
    const log = raised();
    await appendToAudit(storeOf(log), [event('x'.repeat(10_000))], 1);
    expect(recordsOf(stored(log))[0]?.detail).toHaveLength(500);
  });
});

type Forgery = (records: readonly StoredValue[]) => readonly StoredValue[];
const changed =
  (key: string, change: (value: string) => string): Forgery =>
  (records) =>
    records.map((record) => (record.key === key ? { key, value: change(record.value) } : record));

describe('an audit log that was tampered with is broken', () => {
  test.each([
    {
      why: 'a record says something else',
      at: 4,
      forge: changed('3', (value) => value.replace('"2"', '"9"')),
    },
    {
      why: 'the last record says something else',
      at: 9,
      forge: changed('9', (v) => v.replace('"8"', '"9"')),
    },
    {
      why: 'a record is missing',
      at: 3,
      forge: ((records) => records.filter(({ key }) => key !== '3')) satisfies Forgery,
    },
    {
      why: 'the latest are missing',
      at: 8,
      forge: ((records) => records.filter(({ key }) => key !== '8' && key !== '9')) satisfies Forgery,
    },
    {
      why: 'the oldest are missing',
      at: 1,
      forge: ((records) => records.filter(({ key }) => key !== '1' && key !== '2')) satisfies Forgery,
    },
    {
      why: 'a record stands in the place of another',
      at: 5,
      forge: ((records) =>
        records.map(({ key, value }) => {
          const other = records.find((record) => record.key === '6')?.value ?? '';
          return { key, value: key === '5' ? other : value };
        })) satisfies Forgery,
    },
    { why: 'a record is no record', at: 7, forge: changed('7', () => '{}') },
    { why: 'a record is no JSON', at: 7, forge: changed('7', () => 'nonsense') },
    { why: 'the head is nonsense', at: 1, forge: changed('head', () => '{"sequence": -1}') },
    {
      why: 'something is there that nobody appended',
      at: 1,
      forge: ((records) => [...records, { key: 'extra', value: '{}' }]) satisfies Forgery,
    },
  ])('where $why: at $at', async ({ at, forge }) => {
    const log = await logOf(9);
    expect(verifyChain(forge(stored(log)))).toMatchObject({ kind: 'broken', at });
  });

  test('wherever one character is another', async () => {
    const log = await logOf(3);
    const whole = stored(log).map(({ key, value }) => ({ key, value }));
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.integer({ min: 32, max: 126 }), (record, at, code) => {
        const key = `${record + 1}`;
        const before = whole.find((one) => one.key === key)?.value ?? '';
        const place = at % before.length;
        const after = before.slice(0, place) + String.fromCharCode(code) + before.slice(place + 1);
        fc.pre(after !== before);
        const { kind } = verifyChain(changed(key, () => after)(whole));
        expect(kind).toBe('broken');
      }),
      { numRuns: 500 },
    );
  });
});

describe('whoever may write records', () => {
  const audit = (key: string, more: Partial<RecordWrite> = {}): RecordWrite => ({
    namespace: 'audit',
    key,
    ...more,
  });
  test.each([
    { why: 'change what stands', writes: [audit('3', { value: 'x' })] },
    { why: 'remove it', writes: [audit('3')] },
    { why: 'remove the oldest while it is among the latest', writes: [audit('1')] },
    { why: 'say where the log ends without knowing', writes: [audit('head', { value: 'x' })] },
    { why: 'remove where the log ends', writes: [audit('head')] },
  ])('cannot $why', async ({ writes }) => {
    const log = await logOf(9);
    expect(log.code({ kind: 'record', writes })).toBe('STALE_VERSION');
    expect(verifyChain(stored(log))).toMatchObject({ kind: 'whole', records: 9 });
  });

  test('cannot drop one in the middle of a long log', async () => {
    const log = raised();
    const place = MAX_AUDIT_RECORDS + 2;
    const writes = [1, 2, place].map((key) => audit(`${key}`, { value: 'x', expect: 0 }));
    log.ok({ kind: 'record', writes });
    expect(log.code({ kind: 'record', writes: [audit('2')] })).toBe('STALE_VERSION');
  });
});
