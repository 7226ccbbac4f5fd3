import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isLinearizable, type Operation, partition } from './simulation/linearizability.ts';
import {
  KEYED_STRING,
  parseKeyedHistory,
  parseRegisterHistory,
  REGISTER,
  type RegisterInput,
} from './simulation/recorded-history.ts';

const folder = new URL('./vectors/histories/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const expected = Object.entries(JSON.parse(read('expected.json')) as Record<string, boolean>);

describe('recorded histories get the verdict that is known of them', () => {
  test('there are histories of both kinds', () => {
    expect(expected.filter(([name]) => name.startsWith('jepsen/')).length).toBeGreaterThan(40);
    expect(expected.filter(([name]) => name.startsWith('kv/'))).toHaveLength(4);
  });

  test.each(expected.filter(([name]) => name.startsWith('jepsen/')))('%s: %s', (name, verdict) => {
    const operations = parseRegisterHistory(read(name));
    expect(operations.length).toBeGreaterThan(10);
    expect(isLinearizable(REGISTER, operations)).toBe(verdict);
  });

  test.each(expected.filter(([name]) => name.startsWith('kv/')))('%s: %s', (name, verdict) => {
    const operations = parseKeyedHistory(read(name));
    const keys = [...partition(operations).values()];
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.every((part) => isLinearizable(KEYED_STRING, part))).toBe(verdict);
  });
});

type RegisterOperation = Operation<RegisterInput, string>;

const NEVER = Number.POSITIVE_INFINITY;
const write = (value: string, invokedAt: number, returnedAt: number): RegisterOperation => ({
  input: { kind: 'write', value },
  output: returnedAt === NEVER ? undefined : value,
  invokedAt,
  returnedAt,
});
const readOf = (output: string, invokedAt: number, returnedAt: number): RegisterOperation => ({
  input: { kind: 'read' },
  output,
  invokedAt,
  returnedAt,
});

describe('small histories', () => {
  const rows: { why: string; operations: RegisterOperation[]; linearizable: boolean }[] = [
    { why: 'nothing happened', operations: [], linearizable: true },
    {
      why: 'a read after a write sees it',
      operations: [write('1', 0, 1), readOf('1', 2, 3)],
      linearizable: true,
    },
    {
      why: 'stale: the write was acknowledged before the read began',
      operations: [write('1', 0, 1), readOf('nil', 2, 3)],
      linearizable: false,
    },
    {
      why: 'a read beside the write may see either value',
      operations: [write('1', 0, 3), readOf('nil', 1, 2)],
      linearizable: true,
    },
    {
      why: 'time runs backwards: new value, then the old one',
      operations: [write('1', 0, 5), readOf('1', 1, 2), readOf('nil', 3, 4)],
      linearizable: false,
    },
    {
      why: 'an unanswered write may happen long after its call',
      operations: [write('1', 0, NEVER), readOf('nil', 1, 2), readOf('1', 3, 4)],
      linearizable: true,
    },
    {
      why: 'an unanswered write may never happen',
      operations: [write('1', 0, NEVER), readOf('nil', 1, 2), readOf('nil', 3, 4)],
      linearizable: true,
    },
    {
      why: 'an unanswered write happens at most once',
      operations: [
        write('1', 0, NEVER),
        readOf('1', 1, 2),
        write('2', 3, 4),
        readOf('1', 5, 6),
        readOf('2', 7, 8),
      ],
      linearizable: false,
    },
    {
      why: 'nobody wrote what was read',
      operations: [write('1', 0, 1), readOf('7', 2, 3)],
      linearizable: false,
    },
    {
      why: 'more operations than one word of the set: 40 writes, the last one seen',
      operations: [
        ...Array.from({ length: 40 }, (_, at) => write(`${at}`, 2 * at, 2 * at + 1)),
        readOf('39', 90, 91),
      ],
      linearizable: true,
    },
    {
      why: 'more operations than one word of the set: 40 writes, the first one seen',
      operations: [
        ...Array.from({ length: 40 }, (_, at) => write(`${at}`, 2 * at, 2 * at + 1)),
        readOf('0', 90, 91),
      ],
      linearizable: false,
    },
  ];
  test.each(rows)('$why: $linearizable', ({ operations, linearizable }) => {
    expect(isLinearizable(REGISTER, operations)).toBe(linearizable);
  });
});
