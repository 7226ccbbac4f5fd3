import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { append, told } from './messages.ts';

const ends = { from: 'b', to: 'a' };

describe('AppendEntries, receiver (Figure 2)', () => {
  const rows = [
    {
      why: 'the first entry of an empty log follows index 0',
      log: [],
      request: { terms: [5] },
      after: [5],
      answer: 'accepted 1',
    },
    {
      why: 'a probe that agrees',
      log: [1, 2],
      request: { prevIndex: 2, prevTerm: 2 },
      after: [1, 2],
      answer: 'accepted 2',
    },
    {
      why: 'no entry at prevLogIndex',
      log: [1],
      request: { prevIndex: 3, prevTerm: 2, terms: [5] },
      after: [1],
      answer: 'rejected 3',
    },
    {
      why: 'another term at prevLogIndex',
      log: [1, 2],
      request: { prevIndex: 2, prevTerm: 3, terms: [5] },
      after: [1, 2],
      answer: 'rejected 2',
    },
    {
      why: 'a conflict is cut with all that follows it',
      log: [1, 2, 2, 2],
      request: { prevIndex: 1, prevTerm: 1, terms: [3] },
      after: [1, 3],
      answer: 'accepted 2',
    },
    {
      why: 'the agreeing part of an append stays, the rest gives way',
      log: [1, 1, 2],
      request: { prevIndex: 0, prevTerm: 0, terms: [1, 1, 4, 4] },
      after: [1, 1, 4, 4],
      answer: 'accepted 4',
    },
    {
      why: 'truncating without a conflict: a delayed append must not erase what came after it',
      log: [1, 1, 1, 1],
      request: { prevIndex: 1, prevTerm: 1, terms: [1] },
      after: [1, 1, 1, 1],
      answer: 'accepted 2',
    },
    {
      why: 'a delayed probe must not erase anything either',
      log: [1, 1, 1],
      request: { prevIndex: 0, prevTerm: 0 },
      after: [1, 1, 1],
      answer: 'accepted 0',
    },
  ];
  test.each(rows)('$why', ({ log, request, after, answer }) => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], logs: { a: log } });
    const [reply] = cluster.hear(append({ ...ends, term: 5, ...request }));
    expect(cluster.log('a')).toEqual(after);
    expect(cluster.onDisk('a').log).toEqual(after);
    expect(reply && told(reply)).toBe(`a→b append-response t5 ${answer}`);
  });
});

describe("the commit index is the smaller of the leader's and the last new entry", () => {
  const rows = [
    { why: 'the leader has committed less', terms: [5, 5], leaderCommit: 1, commit: 1 },
    { why: 'the leader has committed more than it sends', terms: [5], leaderCommit: 9, commit: 1 },
    {
      why: 'what stands behind the last new entry may be of another leader',
      log: [1, 1, 1],
      terms: [1],
      leaderCommit: 3,
      commit: 1,
    },
    {
      why: 'a probe vouches up to prevLogIndex only',
      log: [1, 1],
      prev: 1,
      terms: [],
      leaderCommit: 2,
      commit: 1,
    },
  ];
  test.each(rows)('$why', ({ log = [], prev = 0, terms, leaderCommit, commit }) => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], logs: { a: log } });
    const prevTerm = prev === 0 ? 0 : 1;
    cluster.hear(append({ ...ends, term: 5, prevIndex: prev, prevTerm, terms, commit: leaderCommit }));
    expect(cluster.commit('a')).toBe(commit);
  });

  test('an older append does not take a commit back', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.hear(append({ ...ends, term: 1, terms: [1, 1], commit: 2 }));
    cluster.hear(append({ ...ends, term: 1, terms: [1], commit: 0 }));
    expect(cluster.commit('a')).toBe(2);
  });

  test('an append that reaches below the commit is answered with the commit', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.hear(append({ ...ends, term: 1, terms: [1, 1, 1], commit: 2 }));
    cluster.drop();
    const [answer] = cluster.hear(append({ ...ends, term: 1, terms: [1] }));
    expect(answer && told(answer)).toBe('a→b append-response t1 accepted 2');
  });

  test('what is committed is not overwritten, whatever an append carries', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.hear(append({ ...ends, term: 1, terms: [1, 1], commit: 1 }));
    const overwrite = append({ from: 'c', to: 'a', term: 2, terms: [2, 2] });
    cluster.hear(overwrite);
    expect(cluster.log('a')).toEqual([1, 1]);
  });
});

describe('an append is answered only once it is durable', () => {
  test('the ack waits for the write', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.holdDisk('a');
    expect(cluster.hear(append({ ...ends, term: 1, terms: [1] }))).toEqual([]);
    cluster.sync('a');
    expect(cluster.wire().map(told)).toEqual(['a→b append-response t1 accepted 1']);
  });

  test('a repeated append that finds all there waits for the write of the first', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.holdDisk('a');
    cluster.hear(append({ ...ends, term: 1, terms: [1] }));
    expect(cluster.hear(append({ ...ends, term: 1, terms: [1] }))).toEqual([]);
    cluster.sync('a', 1);
    expect(cluster.wire()).toHaveLength(2);
  });
});

/** Figure 7: what may follow when the leader at the top comes to power for term 8. */
const LEADER_LOG = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
const FIGURE_7 = [
  { follower: '(a)', why: 'one entry missing', log: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
  { follower: '(b)', why: 'many entries missing', log: [1, 1, 1, 4] },
  { follower: '(c)', why: 'one entry too many', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
  { follower: '(d)', why: 'two of term 7 too many', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
  { follower: '(e)', why: 'missing some, and others too many', log: [1, 1, 1, 4, 4, 4, 4] },
  {
    follower: '(f)',
    why: 'two terms that nobody else knows',
    log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  },
];

describe('Figure 7: the leader of term 8 makes every log like its own', () => {
  test.each(FIGURE_7)('$follower $why', ({ log }) => {
    const cluster = new Cluster({
      voters: ['l', 'f', 'v'],
      logs: { l: LEADER_LOG, f: log, v: LEADER_LOG },
      terms: { l: 7, f: 7, v: 7 },
    });
    cluster.elect('l');
    expect(cluster.core('l').term).toBe(8);
    expect(cluster.log('f')).toEqual([...LEADER_LOG, 8]);
    expect(cluster.onDisk('f').log).toEqual([...LEADER_LOG, 8]);
    expect(cluster.commit('l')).toBe(11);
    cluster.run(500);
    expect(cluster.applied('f')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('all of them at once', () => {
    const names = FIGURE_7.map(({ follower }) => follower.slice(1, 2));
    const logs = Object.fromEntries(FIGURE_7.map(({ follower, log }) => [follower.slice(1, 2), log]));
    const terms = Object.fromEntries([...names, 'l'].map((name) => [name, 7]));
    const cluster = new Cluster({ voters: ['l', ...names], logs: { ...logs, l: LEADER_LOG }, terms });
    cluster.elect('l');
    cluster.run(500);
    for (const name of names) expect(cluster.log(name)).toEqual([...LEADER_LOG, 8]);
  });
});

describe('one answer skips a whole term (§5.3, end)', () => {
  /** Appends that it takes until the first is accepted. */
  function rounds(options: {
    readonly leader: readonly number[];
    readonly follower: readonly number[];
  }): number {
    const cluster = new Cluster({
      voters: ['l', 'f', 'v'],
      logs: { l: options.leader, v: options.leader, f: options.follower },
      terms: { l: 90, v: 90, f: 90 },
    });
    cluster.mute('l', 'f');
    cluster.tick('l');
    cluster.settle({ from: 'l', to: 'v' });
    cluster.settle({ from: 'v' });
    cluster.settle({ from: 'l', to: 'v' });
    cluster.settle({ from: 'v' });
    cluster.leading('l');
    cluster.heal();
    cluster.step('l', { type: 'link-opened', peer: cluster.core('f').id });
    let asked = 0;
    while (cluster.progress('l', 'f').mode === 'probe') {
      const appends = cluster.deliver({ from: 'l', to: 'f', type: 'append-request' });
      expect(appends).not.toEqual([]);
      asked += appends.length;
      cluster.deliver({ from: 'f', to: 'l' });
    }
    cluster.settle();
    expect(cluster.log('f')).toEqual(cluster.log('l'));
    return asked;
  }

  const many = (term: number, count: number): number[] => Array.from({ length: count }, () => term);
  test.each([
    { why: 'agreement at the end', leader: [1, 1], follower: [1, 1], expected: 1 },
    {
      why: 'a thousand entries missing',
      leader: [...many(1, 5), ...many(2, 1000)],
      follower: many(1, 5),
      expected: 2,
    },
    { why: 'an empty log', leader: many(3, 1000), follower: [], expected: 2 },
    {
      why: 'a thousand foreign entries of one term',
      leader: [...many(1, 3), ...many(5, 1000)],
      follower: [...many(1, 3), ...many(4, 1000)],
      expected: 2,
    },
    {
      why: 'foreign terms on both sides in turn: one round a term',
      leader: [...many(1, 3), ...many(3, 300), ...many(5, 300), ...many(7, 300)],
      follower: [...many(1, 3), ...many(2, 300), ...many(4, 300), ...many(6, 300)],
      expected: 5,
    },
  ])('$why', ({ leader, follower, expected }) => {
    expect(rounds({ leader, follower })).toBeLessThanOrEqual(expected);
  });
});

describe('a leader repeats what was lost', () => {
  test('an append that nobody answers is found missing at the next heartbeat', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.drop({ to: 'b' });
    cluster.propose('a', 'y');
    cluster.drop({ to: 'b' });
    cluster.settle();
    expect(cluster.log('b')).toEqual([1]);
    cluster.run(200);
    expect(cluster.log('b')).toEqual([1, 1, 1]);
  });

  test('a lost answer costs nothing but a heartbeat', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.deliver({ to: 'b' });
    cluster.drop({ from: 'b' });
    cluster.run(200);
    expect(cluster.progress('a', 'b')).toMatchObject({ mode: 'replicate', matchIndex: 2, inflight: [] });
  });

  test('a link that opens again is used at once, not at the next heartbeat', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.openLink('a', 'b');
    cluster.closeLink('a', 'b');
    cluster.partition(['b'], ['a', 'c']);
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.heal();
    cluster.openLink('a', 'b');
    cluster.settle();
    expect(cluster.log('b')).toEqual([1, 1]);
  });

  test('back-off never outgrows the election timeout: a peer that comes back after long hears in time', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.crash('b');
    cluster.run(60_000);
    cluster.restart('b');
    cluster.run(300);
    expect(cluster.core('b').role).toMatchObject({ kind: 'follower', leaderId: 'a' });
    expect(cluster.core('a').term).toBe(1);
  });

  test('appends that overtake each other end in the right log', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    for (const command of ['x', 'y', 'z']) cluster.propose('a', command);
    const appends = cluster.drop({ to: 'b' });
    for (const message of [...appends].reverse()) cluster.hear(message);
    cluster.run(500);
    expect(cluster.log('b')).toEqual([1, 1, 1, 1]);
    expect(cluster.commit('b')).toBe(4);
  });
});
