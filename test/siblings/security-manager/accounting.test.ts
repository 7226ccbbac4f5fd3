import { describe, expect, test } from 'vitest';
import { nodeId, term } from '../../../src/protocol/ids.ts';
import { AUDIT_WINDOW_MS, MAX_AUDIT_TALLIES, MAX_BALLOT_TERMS } from '../../../src/protocol/limits.ts';
import { decodeBallots, encodeBallots } from '../../../src/siblings/security-manager/ballot-codec.ts';
import { Tally } from '../../../src/siblings/security-manager/tally.ts';
import { VoteLedger } from '../../../src/siblings/security-manager/vote-ledger.ts';
import { pack } from '../../../src/swarm/wire.ts';

const seen = (subject: string, detail = 'x') => ({ subject, kind: 'flood', detail });

describe('what is counted', () => {
  test('is said at once, and then once a window with how often it was', () => {
    const tally = new Tally();
    expect(tally.dueAt).toBeUndefined();
    tally.add(seen('a', 'first'));
    expect(tally.take(0)).toEqual([{ ...seen('a', 'first'), count: 1 }]);
    for (let i = 0; i < 10_000; i++) tally.add(seen('a', 'latest'));
    expect([tally.dueAt, tally.take(AUDIT_WINDOW_MS - 1)]).toEqual([AUDIT_WINDOW_MS, []]);
    expect(tally.take(AUDIT_WINDOW_MS)).toEqual([{ ...seen('a', 'latest'), count: 10_000 }]);
    expect([tally.dueAt, tally.take(10 * AUDIT_WINDOW_MS)]).toEqual([undefined, []]);
  });

  test('of more subjects than can be told apart is counted as of others', () => {
    const tally = new Tally();
    for (let i = 0; i < 10_000; i++) tally.add(seen(`address ${i}`));
    const said = tally.take(0);
    expect(said).toHaveLength(MAX_AUDIT_TALLIES + 1);
    expect(said.at(-1)).toMatchObject({ subject: 'others', count: 10_000 - MAX_AUDIT_TALLIES });
  });

  test('makes room for others when it is over', () => {
    const tally = new Tally();
    for (let i = 0; i < MAX_AUDIT_TALLIES; i++) tally.add(seen(`address ${i}`));
    tally.take(0);
    tally.take(AUDIT_WINDOW_MS);
    tally.add(seen('address of a newcomer'));
    expect(tally.take(AUDIT_WINDOW_MS)).toMatchObject([{ subject: 'address of a newcomer' }]);
  });
});

describe('votes', () => {
  const [a, b, c, x] = ['a', 'b', 'c', 'x'].map(nodeId) as [never, never, never, never];
  const vote = (candidate: never, witness: never, at = 7) => ({
    term: term(at),
    voter: x,
    candidate,
    witness,
  });

  test.each([
    { why: 'one vote that two have seen', votes: [vote(a, a), vote(a, b)], found: 0 },
    { why: 'votes in two terms', votes: [vote(a, a), vote(b, b, 8)], found: 0 },
    { why: 'two votes in one term, as one has seen', votes: [vote(a, a), vote(x, a)], found: 1 },
    { why: 'two votes in one term, as two have seen together', votes: [vote(a, a), vote(b, b)], found: 1 },
    { why: 'the same two, told again', votes: [vote(a, a), vote(b, b), vote(a, c), vote(b, a)], found: 1 },
    { why: 'three votes', votes: [vote(a, a), vote(b, b), vote(c, c)], found: 2 },
  ])('$why: $found contradictions', ({ votes, found }) => {
    const ledger = new VoteLedger();
    expect(votes.flatMap((one) => ledger.note(one) ?? [])).toHaveLength(found);
  });

  test('that contradict each other name both witnesses', () => {
    const ledger = new VoteLedger();
    ledger.note(vote(a, a));
    expect(ledger.note(vote(b, c))).toEqual({
      ...{ term: 7, voter: x },
      first: { candidate: a, witness: a },
      second: { candidate: b, witness: c },
    });
  });

  test('of old terms are forgotten', () => {
    const ledger = new VoteLedger();
    for (let at = 1; at <= MAX_BALLOT_TERMS + 3; at++) ledger.note(vote(a, a, at));
    expect(ledger.ballots).toHaveLength(MAX_BALLOT_TERMS);
    expect(ledger.ballots[0]?.term).toBe(4);
  });

  test('go over the wire, and nothing else does', () => {
    const ballots = [{ term: term(7), voter: x, candidate: a }];
    expect(decodeBallots(encodeBallots(ballots))).toEqual(ballots);
    for (const lie of [
      null,
      'x',
      [1],
      [{ term: 0, voter: 'x', candidate: 'a' }],
      [{ term: 1, voter: '../x', candidate: 'a' }],
    ]) {
      expect(() => decodeBallots(pack(lie))).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    }
  });
});
