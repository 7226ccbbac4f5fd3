import { describe, expect, test } from 'vitest';
import { sight } from '../../src/raft/invariants.ts';
import { Cluster } from './cluster.ts';
import { heartbeat, preVote, preVoteRequest, told, voteRequest } from './messages.ts';

const voters = ['a', 'b', 'c'];

describe('a pre-vote changes nothing in whoever answers it', () => {
  const ask = { from: 'c', to: 'a', term: 2 } as const;

  test.each([
    { why: 'granted', lastIndex: 9, lastTerm: 1, answer: 'granted', term: 2 },
    { why: 'refused for an old log', lastIndex: 0, lastTerm: 0, answer: 'refused', term: 1 },
  ])('$why', ({ lastIndex, lastTerm, answer, term }) => {
    const cluster = new Cluster({ voters, logs: { a: [1] } });
    cluster.wait(500);
    const before = { state: sight(cluster.core('a')), deadline: cluster.deadline('a') };
    const answers = cluster.hear(preVoteRequest({ ...ask, lastIndex, lastTerm }));
    expect(answers.map(told)).toEqual([`a→c pre-vote-response t${term} ${answer}`]);
    expect({ state: sight(cluster.core('a')), deadline: cluster.deadline('a') }).toEqual(before);
  });

  test('it does not count as word of a leader', () => {
    const cluster = new Cluster({ voters });
    cluster.hear(heartbeat({ from: 'b', to: 'a', term: 1 }));
    cluster.wait(999);
    expect(cluster.hear(preVoteRequest({ ...ask, lastTerm: 1 }))).toEqual([]);
    cluster.wait(1);
    expect(cluster.hear(preVoteRequest({ ...ask, lastTerm: 1 }))).toHaveLength(1);
  });

  test('it may be granted to several, for it is no vote', () => {
    const cluster = new Cluster({ voters });
    for (const from of ['b', 'c', 'b']) {
      const [answer] = cluster.hear(preVoteRequest({ from, to: 'a', term: 1 }));
      expect(answer).toMatchObject({ to: from, granted: true });
    }
    expect(cluster.core('a').votedFor).toBe(undefined);
  });

  test('a rehearsal for a term that has come already is refused', () => {
    const cluster = new Cluster({ voters, terms: { a: 2 } });
    const answers = cluster.hear(preVoteRequest({ ...ask, lastIndex: 9, lastTerm: 2 }));
    expect(answers.map(told)).toEqual(['a→c pre-vote-response t2 refused']);
  });
});

describe('whoever rehearses', () => {
  test('keeps its term and vote, so a node cut off for long comes back without a stir', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.partition(['a', 'b'], ['c']);
    cluster.run(60_000);
    expect(cluster.core('c')).toMatchObject({ term: 1 });
    cluster.heal();
    cluster.run(3_000);
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
    expect(cluster.core('c').role).toMatchObject({ kind: 'follower', leaderId: 'a' });
  });

  test('follows its leader again when that one speaks', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.wait(2_000);
    cluster.tick('b');
    expect(cluster.role('b')).toBe('pre-candidate');
    cluster.drop();
    cluster.hear(heartbeat({ from: 'a', to: 'b', term: 1 }));
    expect(cluster.core('b').role).toMatchObject({ kind: 'follower', leaderId: 'a' });
  });

  test('a majority that refuses ends the round at once, not at its deadline', () => {
    const cluster = new Cluster({ voters });
    cluster.tick('a');
    for (const from of ['b', 'c']) cluster.hear(preVote({ from, to: 'a', term: 0, answer: 'refused' }));
    expect(cluster.role('a')).toBe('follower');
  });

  test('one yes beside the own makes a campaign of three', () => {
    const cluster = new Cluster({ voters });
    cluster.tick('a');
    cluster.hear(preVote({ from: 'b', to: 'a', term: 1, answer: 'granted' }));
    expect(cluster.core('a')).toMatchObject({ term: 1, votedFor: 'a', role: { kind: 'candidate' } });
  });

  test('a pre-vote is no vote: it does not count in the campaign that follows', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] });
    cluster.tick('a');
    for (const from of ['b', 'c', 'd']) {
      cluster.hear(preVote({ from, to: 'a', term: 1, answer: 'granted' }));
    }
    expect(cluster.role('a')).toBe('candidate');
  });
});

describe('leader protection (§6, thesis §4.2.3)', () => {
  test('a removed or cut-off server cannot depose a leader that others hear', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    const disturb = { from: 'x', term: 50, lastIndex: 99, lastTerm: 40 } as const;
    for (const to of voters) {
      expect(cluster.hear(voteRequest({ ...disturb, to }))).toEqual([]);
      expect(cluster.hear(preVoteRequest({ ...disturb, to }))).toEqual([]);
      expect(cluster.core(to).term).toBe(1);
    }
  });

  test('the own leader may ask: it leads no more', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    const [answer] = cluster.hear(preVoteRequest({ from: 'a', to: 'b', term: 2, lastIndex: 1, lastTerm: 1 }));
    expect(answer).toMatchObject({ type: 'pre-vote-response', granted: true });
  });

  test('it ends with the shortest election timeout', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    const ask = { from: 'c', to: 'b', term: 2, lastIndex: 1, lastTerm: 1 } as const;
    cluster.wait(999);
    expect(cluster.hear(preVoteRequest(ask))).toEqual([]);
    cluster.wait(1);
    expect(cluster.hear(preVoteRequest(ask))).toHaveLength(1);
  });
});
