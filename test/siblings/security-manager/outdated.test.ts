import { expect, test } from 'vitest';
import {
  MAX_FORMER_CERTIFICATES,
  MAX_RECORD_WRITES,
  MAX_SPENT_TOKENS,
} from '../../../src/protocol/limits.ts';
import { dropOutdated } from '../../../src/siblings/security-manager/outdated.ts';
import { readRecords, writing } from '../../../src/siblings/security-manager/records.ts';
import { secured } from './secured-swarm.ts';

const NOW = 1_000;
const cert = (id: string) => writing('cert', id, { name: 'x', certificate: id });
const trust = (id: string) => writing('trust', id, { authorities: [], shows: id });
const used = { memberId: 'x', name: 'x', at: 0 };
const token = (name: string, rest: { expiresAt: number; used?: typeof used }) =>
  writing('join', name, { hash: '', createdAt: 0, ...rest });

/** The older, the smaller its version. */
const outdated = (rows: readonly ReturnType<typeof cert>[], members: readonly string[] = []) =>
  dropOutdated(
    readRecords(rows.map(({ key, value = '' }, at) => ({ key, value, version: at + 1 }))),
    members,
    NOW,
  ).map(({ key, expect: version }) => `${key}@${version}`);

const many = <T>(count: number, make: (at: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => make(at));

test.each([
  { why: 'as many as are kept', rows: many(MAX_FORMER_CERTIFICATES, (at) => cert(`s.${at}`)), gone: [] },
  {
    why: 'one more: the oldest, with what it believed',
    rows: [cert('old.1'), trust('old.1'), ...many(MAX_FORMER_CERTIFICATES, (at) => cert(`s.${at}`))],
    gone: ['trust:old.1@2', 'cert:old.1@1'],
  },
  {
    why: 'members, however old',
    rows: [cert('member'), ...many(MAX_FORMER_CERTIFICATES, (at) => cert(`s.${at}`))],
    gone: [],
  },
  {
    why: 'one that is just asking for another certificate',
    rows: [
      cert('old.1'),
      writing('request', 'old.1', { name: 'x', csr: 'x' }),
      ...many(MAX_FORMER_CERTIFICATES, (at) => cert(`s.${at}`)),
    ],
    gone: [],
  },
  {
    why: 'tokens that are used up or over, beyond as many as are kept; not one that is good',
    rows: [
      token('good', { expiresAt: NOW + 1 }),
      token('used', { expiresAt: NOW + 1, used }),
      token('over', { expiresAt: NOW }),
      ...many(MAX_SPENT_TOKENS, (at) => token(`t${at}`, { expiresAt: 0 })),
    ],
    gone: ['join:used@2', 'join:over@3'],
  },
])('$why: $gone', ({ rows, gone }) => {
  expect(outdated(rows, ['member'])).toEqual(gone);
});

test('no more than one entry of the log may change, and nothing is left of whom it belonged to', () => {
  const rows = many(MAX_FORMER_CERTIFICATES + 100, (at) => [cert(`s.${at}`), trust(`s.${at}`)]).flat();
  const gone = outdated(rows);
  expect(gone).toHaveLength(MAX_RECORD_WRITES);
  expect(gone.slice(-2)).toEqual(['trust:s.31@64', 'cert:s.31@63']);
});

test('a swarm keeps as many tokens as it may', async () => {
  const swarm = await secured();
  const rows = many(MAX_SPENT_TOKENS + 40, (at) => token(`t${at}`, { expiresAt: 1 }));
  for (let from = 0; from < rows.length; from += MAX_RECORD_WRITES) {
    const writes = rows.slice(from, from + MAX_RECORD_WRITES);
    await swarm.client.execute({ kind: 'record', writes });
  }
  const { joinTokens } = await swarm.untilState((state) => state.joinTokens.expired <= MAX_SPENT_TOKENS);
  expect(joinTokens).toEqual({ open: 0, used: 0, expired: MAX_SPENT_TOKENS });
});
