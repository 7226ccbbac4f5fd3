import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/protocol/entry.ts';
import { logIndex, term } from '../../src/protocol/ids.ts';
import { LOG_START, RaftLog } from '../../src/raft/log.ts';
import { entries } from './messages.ts';

const log = (terms: readonly number[]): RaftLog => new RaftLog(LOG_START, entries(0, terms));
const indexes = (found: readonly Entry[]): number[] => found.map((entry) => entry.index);

describe('before the log stands index 0 of term 0', () => {
  test('an empty log ends there', () => {
    expect(log([])).toMatchObject({ lastIndex: 0, lastTerm: 0, commitIndex: 0 });
    expect(log([]).termAt(logIndex(0))).toBe(0);
  });

  test('beyond the end there is no term', () => {
    expect(log([1]).termAt(logIndex(2))).toBe(undefined);
    expect(log([1]).entryAt(logIndex(2))).toBe(undefined);
  });
});

describe('a log without gaps', () => {
  test('is recovered as such or not at all', () => {
    expect(() => new RaftLog(LOG_START, entries(1, [1]))).toThrow(/does not follow/);
  });

  test.each([
    { why: 'a gap', at: 3, terms: [2], message: /does not follow/ },
    { why: 'an overlap', at: 0, terms: [2], message: /does not follow/ },
    { why: 'a falling term', at: 2, terms: [1], message: /terms never fall/ },
    { why: 'a falling term inside', at: 2, terms: [4, 3], message: /terms never fall/ },
  ])('$why is refused', ({ at, terms, message }) => {
    expect(() => log([1, 2]).append(entries(at, terms))).toThrow(message);
  });
});

describe('what is committed stays', () => {
  test.each([
    { why: 'the committed entry itself', from: 2 },
    { why: 'below it', from: 1 },
  ])('$why is not cut', ({ from }) => {
    const some = log([1, 1, 1]);
    some.commit(logIndex(2));
    expect(() => some.truncate(logIndex(from))).toThrow(/must not be erased/);
  });

  test('what follows may be', () => {
    const some = log([1, 1, 1]);
    some.commit(logIndex(2));
    some.truncate(logIndex(3));
    expect(some.lastIndex).toBe(2);
  });

  test('commit never falls and never leaves the log', () => {
    const some = log([1, 1, 1]);
    some.commit(logIndex(2));
    expect(() => some.commit(logIndex(1))).toThrow(/never moves back/);
    expect(() => some.commit(logIndex(4))).toThrow(/beyond the end/);
  });
});

describe('slice: entries of one append', () => {
  // An entry without data weighs 32 bytes.
  test.each([
    { why: 'all fit', from: 1, to: 4, max: 128, found: [1, 2, 3, 4] },
    { why: 'cut by bytes', from: 1, to: 4, max: 127, found: [1, 2, 3] },
    { why: 'at least one, however small the bound', from: 2, to: 4, max: 1, found: [2] },
    { why: 'cut by `to`', from: 2, to: 3, max: 999, found: [2, 3] },
    { why: 'nothing to send', from: 5, to: 4, max: 999, found: [] },
    { why: 'beyond the end', from: 3, to: 9, max: 999, found: [3, 4] },
  ])('$why', ({ from, to, max, found }) => {
    expect(indexes(log([1, 1, 1, 1]).slice(logIndex(from), logIndex(to), max))).toEqual(found);
  });
});

describe('agreementBelow: the last place at which two logs may agree', () => {
  test.each([
    { why: 'the very place', own: [1, 1, 4, 4], index: 4, term: 4, found: [4, 4] },
    { why: 'skips a whole foreign term', own: [1, 1, 4, 4, 4], index: 5, term: 3, found: [2, 1] },
    { why: 'a shorter log ends the search', own: [1, 2], index: 9, term: 5, found: [2, 2] },
    { why: 'an older term may be further on', own: [1, 3, 3], index: 2, term: 3, found: [2, 3] },
    { why: 'nothing in common', own: [4, 4], index: 2, term: 3, found: [0, 0] },
    { why: 'an empty log', own: [], index: 7, term: 3, found: [0, 0] },
  ])('$why', ({ own, index, term: at, found }) => {
    expect(log(own).agreementBelow(logIndex(index), term(at))).toEqual({ index: found[0], term: found[1] });
  });
});
