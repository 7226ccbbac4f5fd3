import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';
import {
  accepted,
  append,
  commitNotice,
  heartbeat,
  heartbeatAnswer,
  preVote,
  preVoteRequest,
  readRequest,
  rejected,
  timeoutNow,
  told,
  vote,
  voteRequest,
} from './messages.ts';

/** A node of five, in term 4, in the role that the row names; alone, so that only the row speaks. */
function nodeIn(role: 'follower' | 'pre-candidate' | 'candidate' | 'leader'): Cluster {
  const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'], terms: { a: 3 } });
  if (role === 'follower') {
    cluster.hear(append({ from: 'c', to: 'a', term: 4 }));
  } else if (role === 'pre-candidate') {
    cluster.hear(append({ from: 'c', to: 'a', term: 4 }));
    cluster.tick('a');
  } else {
    cluster.tick('a');
    for (const from of ['b', 'c']) cluster.hear(preVote({ from, to: 'a', term: 4, answer: 'granted' }));
    if (role === 'leader') {
      for (const from of ['b', 'c']) cluster.hear(vote({ from, to: 'a', term: 4, answer: 'granted' }));
    }
  }
  cluster.drop();
  expect({ role: cluster.role('a'), term: cluster.core('a').term }).toEqual({ role, term: 4 });
  return cluster;
}

const ROLES = ['follower', 'pre-candidate', 'candidate', 'leader'] as const;
const ends = { from: 'b', to: 'a' };

describe('a higher term turns every role into a follower of that term', () => {
  const rows = [
    { why: 'a newer leader appends', message: append({ ...ends, term: 6 }), leader: 'b' },
    { why: 'a newer leader beats', message: heartbeat({ ...ends, term: 6 }), leader: 'b' },
    {
      why: 'a newer leader tells its commit',
      message: commitNotice({ ...ends, term: 6, commit: 0 }),
      leader: 'b',
    },
    { why: 'a follower is further', message: accepted({ ...ends, term: 6, match: 0 }), leader: undefined },
    { why: 'a follower refuses from a newer term', message: rejected({ ...ends, term: 6, at: 0 }) },
    { why: 'a heartbeat is answered from a newer term', message: heartbeatAnswer({ ...ends, term: 6 }) },
    { why: 'a vote is refused from a newer term', message: vote({ ...ends, term: 6, answer: 'refused' }) },
    {
      why: 'a pre-vote is refused from a newer term',
      message: preVote({ ...ends, term: 6, answer: 'refused' }),
    },
    { why: 'a reader is further', message: readRequest({ ...ends, term: 6, context: 1 }) },
    {
      why: 'a hand-over in a term whose leader we never heard is not for us',
      message: timeoutNow({ ...ends, term: 6 }),
    },
  ];
  test.each(rows.flatMap((row) => ROLES.map((role) => ({ role, ...row }))))(
    '$role: $why',
    ({ role, message, leader }) => {
      const cluster = nodeIn(role);
      cluster.hear(message);
      expect(cluster.core('a')).toMatchObject({ term: 6, role: { kind: 'follower', leaderId: leader } });
      expect(cluster.onDisk('a').hardState).toEqual({ term: 6, votedFor: undefined });
    },
  );
});

describe('what is no reason to move on changes no term', () => {
  const rows = [
    {
      why: 'a rehearsed campaign disturbs nobody',
      message: preVoteRequest({ ...ends, term: 6, lastIndex: 9, lastTerm: 5 }),
    },
    {
      why: 'a granted pre-vote names a term in which nobody is yet',
      message: preVote({ ...ends, term: 6, answer: 'granted' }),
    },
  ];
  test.each(rows.flatMap((row) => ROLES.map((role) => ({ role, ...row }))))(
    '$role: $why',
    ({ role, message }) => {
      const cluster = nodeIn(role);
      cluster.hear(message);
      expect(cluster.core('a').term).toBe(4);
      expect(cluster.role('a')).toBe(role);
    },
  );
});

describe('an older term is refused, and told the present one', () => {
  const rows = [
    {
      why: 'Figure 2: reply false if term < currentTerm',
      message: append({ ...ends, term: 3, terms: [3] }),
      answer: ['a→b append-response t4 rejected 0'],
    },
    {
      why: 'a replaced leader learns it from the answer to its heartbeat',
      message: heartbeat({ ...ends, term: 3 }),
      answer: ['a→b append-response t4 rejected 0'],
    },
    {
      why: 'a late candidate',
      message: voteRequest({ ...ends, term: 3, lastIndex: 9, lastTerm: 3 }),
      answer: ['a→b vote-response t4 refused'],
    },
    {
      why: 'a late rehearsal',
      message: preVoteRequest({ ...ends, term: 3, lastIndex: 9, lastTerm: 3 }),
      answer: ['a→b pre-vote-response t4 refused'],
    },
    { why: 'a vote of an older round', message: vote({ ...ends, term: 3, answer: 'granted' }), answer: [] },
    { why: 'an ack of an older term', message: accepted({ ...ends, term: 3, match: 1 }), answer: [] },
    { why: 'a replaced leader hands over', message: timeoutNow({ ...ends, term: 3 }), answer: [] },
    { why: 'a replaced leader commits', message: commitNotice({ ...ends, term: 3, commit: 1 }), answer: [] },
  ];
  test.each(rows.flatMap((row) => ROLES.map((role) => ({ role, ...row }))))(
    '$role: $why',
    ({ role, message, answer }) => {
      const cluster = nodeIn(role);
      const logBefore = cluster.log('a');
      expect(cluster.hear(message).map(told)).toEqual(answer);
      expect(cluster.core('a')).toMatchObject({ term: 4, role: { kind: role } });
      expect(cluster.log('a')).toEqual(logBefore);
    },
  );
});

describe('rules for servers (Figure 2)', () => {
  test('all: what is committed is applied once, in order', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    for (const name of ['a', 'b', 'c']) expect(cluster.applied(name)).toEqual([1, 2, 3]);
  });

  test('followers: no word of a leader for a whole election timeout starts an election', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.hear(append({ from: 'b', to: 'a', term: 1 }));
    cluster.wait(cluster.deadline('a') - cluster.now - 1);
    cluster.step('a', { type: 'tick' });
    expect(cluster.role('a')).toBe('follower');
    cluster.tick('a');
    expect(cluster.role('a')).toBe('pre-candidate');
  });

  test('followers: each word of the leader puts the election off', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.hear(append({ from: 'b', to: 'a', term: 1 }));
    const first = cluster.deadline('a');
    cluster.wait(700);
    cluster.hear(heartbeat({ from: 'b', to: 'a', term: 1 }));
    expect(cluster.deadline('a')).toBe(first + 700);
  });

  test('candidates: a new term, a vote for oneself on disk, and a request to every other voter', () => {
    const cluster = nodeIn('pre-candidate');
    for (const from of ['b', 'c']) cluster.hear(preVote({ from, to: 'a', term: 5, answer: 'granted' }));
    expect(cluster.onDisk('a').hardState).toEqual({ term: 5, votedFor: nodeId('a') });
    expect(cluster.wire().map(told)).toEqual(['b', 'c', 'd', 'e'].map((peer) => `a→${peer} vote-request t5`));
  });

  test('candidates: votes of a majority make a leader', () => {
    const cluster = nodeIn('candidate');
    cluster.hear(vote({ from: 'b', to: 'a', term: 4, answer: 'granted' }));
    expect(cluster.role('a')).toBe('candidate');
    cluster.hear(vote({ from: 'c', to: 'a', term: 4, answer: 'granted' }));
    expect(cluster.role('a')).toBe('leader');
  });

  test('candidates: one voter that votes twice is one vote', () => {
    const cluster = nodeIn('candidate');
    for (let i = 0; i < 4; i++) cluster.hear(vote({ from: 'b', to: 'a', term: 4, answer: 'granted' }));
    expect(cluster.role('a')).toBe('candidate');
  });

  test.each([
    { why: 'an append', message: append({ ...ends, term: 4 }) },
    { why: 'a heartbeat', message: heartbeat({ ...ends, term: 4 }) },
  ])('candidates: $why of the own term means that somebody else has won', ({ message }) => {
    const cluster = nodeIn('candidate');
    cluster.hear(message);
    expect(cluster.core('a')).toMatchObject({ term: 4, role: { kind: 'follower', leaderId: 'b' } });
  });

  test('candidates: a round that runs out starts over with a rehearsal', () => {
    const cluster = nodeIn('candidate');
    cluster.tick('a');
    expect(cluster.role('a')).toBe('follower');
    cluster.tick('a');
    expect(cluster.core('a')).toMatchObject({ term: 4, role: { kind: 'pre-candidate' } });
  });

  test('leaders: speak at once after the election, and again when idle', () => {
    const cluster = nodeIn('candidate');
    for (const from of ['b', 'c']) cluster.hear(vote({ from, to: 'a', term: 4, answer: 'granted' }));
    expect(cluster.wire({ from: 'a' }).map(told)).toEqual(
      ['b', 'c', 'd', 'e'].map((peer) => `a→${peer} append-request t4 0/0 [4] c0`),
    );
    cluster.drop();
    cluster.tick('a');
    expect(cluster.wire({ from: 'a', type: 'heartbeat' })).toHaveLength(4);
  });

  test('leaders: answer a command only after they have applied it', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    const effects = cluster.propose('a', 'x');
    expect(effects.proposal).toEqual({ kind: 'appended', firstIndex: 2 });
    expect(cluster.applied('a')).toEqual([1]);
    cluster.settle();
    expect(cluster.applied('a')).toEqual([1, 2]);
  });

  test('leaders: never lead beside another leader of their own term', () => {
    const cluster = nodeIn('leader');
    expect(() => cluster.hear(heartbeat({ ...ends, term: 4 }))).toThrow(/both lead term 4/);
  });

  test('whoever does not lead takes no commands', () => {
    const cluster = nodeIn('follower');
    expect(cluster.propose('a', 'x').proposal).toEqual({ kind: 'refused', code: 'NOT_LEADER' });
    expect(cluster.log('a')).toEqual([]);
  });
});
