import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';
import { append, preVote, told, vote, voteRequest } from './messages.ts';

const voters = ['a', 'b', 'c'];

describe('a swarm elects one leader', () => {
  test.each([
    { why: 'one node alone', names: ['a'] },
    { why: 'two', names: ['a', 'b'] },
    { why: 'three', names: ['a', 'b', 'c'] },
    { why: 'five', names: ['a', 'b', 'c', 'd', 'e'] },
  ])('$why', ({ names }) => {
    const cluster = new Cluster({ voters: names });
    cluster.run(5_000);
    expect(names.filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
    expect(names.map((name) => cluster.applied(name))).toEqual(names.map(() => [1]));
  });

  test('a minority elects nobody, and its terms stay where they were', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] });
    cluster.partition(['a', 'b'], ['c', 'd', 'e']);
    cluster.run(30_000);
    expect([cluster.role('a'), cluster.role('b')]).not.toContain('leader');
    expect([cluster.core('a').term, cluster.core('b').term]).toEqual([0, 0]);
    expect(['c', 'd', 'e'].map((name) => cluster.role(name))).toContain('leader');
  });

  test('learners do not vote and do not stand', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], learners: ['l'] });
    cluster.partition(['a', 'l'], ['b', 'c']);
    cluster.run(20_000);
    expect(cluster.deadline('l')).toBe(Number.POSITIVE_INFINITY);
    expect(cluster.role('a')).not.toBe('leader');
    cluster.heal();
    cluster.run(5_000);
    expect(cluster.applied('l')).toEqual([1]);
  });

  test('a learner that has missed its promotion still votes when asked', () => {
    const cluster = new Cluster({ voters: ['a'], learners: ['l'] });
    const answers = cluster.hear(voteRequest({ from: 'n', to: 'l', term: 1 }));
    expect(answers.map(told)).toEqual(['l→n vote-response t1 granted']);
  });

  test('a node without any voter in its configuration waits quietly for a leader', () => {
    const cluster = new Cluster({ voters: [], learners: ['l'] });
    expect(cluster.deadline('l')).toBe(Number.POSITIVE_INFINITY);
    cluster.step('l', { type: 'link-opened', peer: nodeId('x') });
    cluster.step('l', { type: 'tick' });
    expect(cluster.role('l')).toBe('follower');
    cluster.hear(append({ from: 'x', to: 'l', term: 2, terms: [2], commit: 1 }));
    expect(cluster.applied('l')).toEqual([1]);
  });
});

describe('one vote a term, first come, first served', () => {
  test.each([
    { why: 'the first asker', before: undefined, from: 'b', granted: 'granted' },
    { why: 'a second asker of the same term', before: 'b', from: 'c', granted: 'refused' },
    {
      why: 'the same asker again: its answer may have been lost',
      before: 'b',
      from: 'b',
      granted: 'granted',
    },
  ])('$why: $granted', ({ before, from, granted }) => {
    const cluster = new Cluster({ voters });
    if (before !== undefined) cluster.hear(voteRequest({ from: before, to: 'a', term: 1 }));
    cluster.drop();
    expect(cluster.hear(voteRequest({ from, to: 'a', term: 1 })).map(told)).toEqual([
      `a→${from} vote-response t1 ${granted}`,
    ]);
  });

  test('a restart in between does not free the vote', () => {
    const cluster = new Cluster({ voters });
    cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }));
    cluster.restart('a');
    expect(cluster.core('a')).toMatchObject({ term: 1, votedFor: 'b' });
    const [answer] = cluster.hear(voteRequest({ from: 'c', to: 'a', term: 1 }));
    expect(answer).toMatchObject({ to: 'c', granted: false });
  });

  test('a candidate has spent its vote, also after a restart', () => {
    const cluster = new Cluster({ voters });
    cluster.tick('a');
    cluster.hear(preVote({ from: 'b', to: 'a', term: 1, answer: 'granted' }));
    expect(cluster.role('a')).toBe('candidate');
    cluster.restart('a');
    const [answer] = cluster.hear(voteRequest({ from: 'c', to: 'a', term: 1 }));
    expect(answer).toMatchObject({ type: 'vote-response', granted: false });
  });

  test('a new term frees it', () => {
    const cluster = new Cluster({ voters });
    cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }));
    const [answer] = cluster.hear(voteRequest({ from: 'c', to: 'a', term: 2 }));
    expect(answer).toMatchObject({ type: 'vote-response', granted: true });
    expect(cluster.onDisk('a').hardState).toEqual({ term: 2, votedFor: 'c' });
  });

  test('nobody is elected beside a leader that is known in this term', () => {
    const cluster = new Cluster({ voters });
    cluster.hear(append({ from: 'b', to: 'a', term: 1 }));
    cluster.wait(10_000);
    const [answer] = cluster.hear(voteRequest({ from: 'c', to: 'a', term: 1, lastIndex: 5, lastTerm: 1 }));
    expect(answer).toMatchObject({ type: 'vote-response', granted: false });
  });

  test('whoever gave its vote gives the candidate time to use it', () => {
    const cluster = new Cluster({ voters });
    cluster.wait(cluster.deadline('a') - 1);
    cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }));
    expect(cluster.deadline('a')).toBeGreaterThanOrEqual(cluster.now + 1_000);
  });

  test('a vote given in hurry still outlasts the round of the one it was given to', () => {
    const cluster = new Cluster({ voters, config: { hastyRoundMs: 150 } });
    cluster.openLink('a', 'b');
    cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }));
    expect(cluster.deadline('a')).toBeGreaterThanOrEqual(cluster.now + 150);
  });
});

describe('a vote answered before it is durable could be given twice', () => {
  test('the answer waits for term and vote', () => {
    const cluster = new Cluster({ voters });
    cluster.holdDisk('a');
    expect(cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }))).toEqual([]);
    cluster.sync('a');
    expect(cluster.wire({ from: 'a' }).map(told)).toEqual(['a→b vote-response t1 granted']);
  });

  test('a crash before that leaves no vote and no answer', () => {
    const cluster = new Cluster({ voters });
    cluster.holdDisk('a');
    cluster.hear(voteRequest({ from: 'b', to: 'a', term: 1 }));
    cluster.restart('a');
    cluster.releaseDisk('a');
    expect(cluster.wire({ from: 'a' })).toEqual([]);
    const [answer] = cluster.hear(voteRequest({ from: 'c', to: 'a', term: 1 }));
    expect(answer).toMatchObject({ to: 'c', granted: true });
  });

  test('a refusal that tells a new term waits for that term', () => {
    const cluster = new Cluster({ voters, logs: { a: [1] } });
    cluster.holdDisk('a');
    expect(cluster.hear(voteRequest({ from: 'b', to: 'a', term: 2 }))).toEqual([]);
    cluster.sync('a');
    expect(cluster.wire().map(told)).toEqual(['a→b vote-response t2 refused']);
  });

  test('a candidate asks nobody before its own term and vote are durable', () => {
    const cluster = new Cluster({ voters });
    cluster.holdDisk('a');
    cluster.tick('a');
    cluster.settle();
    expect(cluster.role('a')).toBe('candidate');
    expect(cluster.wire({ type: 'vote-request' })).toEqual([]);
    cluster.sync('a');
    expect(cluster.wire({ type: 'vote-request' })).toHaveLength(2);
  });

  test('the own vote counts only once it is durable', () => {
    const cluster = new Cluster({ voters });
    cluster.holdDisk('a');
    cluster.tick('a');
    cluster.settle();
    cluster.hear(vote({ from: 'b', to: 'a', term: 1, answer: 'granted' }));
    expect(cluster.role('a')).toBe('candidate');
    cluster.sync('a');
    expect(cluster.role('a')).toBe('leader');
  });

  test('a node alone leads only once its vote for itself is durable', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.holdDisk('a');
    cluster.tick('a');
    expect(cluster.role('a')).toBe('candidate');
    cluster.sync('a');
    expect(cluster.role('a')).toBe('leader');
  });

  test('entries never reach a disk before their term does', () => {
    const cluster = new Cluster({ voters });
    cluster.holdDisk('a');
    const first = cluster.step('a', {
      type: 'message',
      message: append({ from: 'b', to: 'a', term: 3, terms: [3] }),
    });
    expect(first.write).toMatchObject({ hardState: { term: 3 }, entries: [{ term: 3 }] });
  });
});

describe('a disk that stalls while the network goes on', () => {
  test('a candidate with a stalled disk wins nothing and disturbs nobody', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] });
    cluster.elect('a');
    cluster.crash('a');
    cluster.holdDisk('b');
    cluster.wait(10_000);
    cluster.tick('b');
    cluster.settle();
    expect(cluster.role('b')).toBe('candidate');
    expect(cluster.core('c').term).toBe(1);
    cluster.elect('c');
    expect(cluster.core('b')).toMatchObject({ term: 2, role: { kind: 'follower', leaderId: 'c' } });
  });

  test('whoever knows its disk to be slow lets one turn pass, and only one', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.holdDisk('b');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.crash('a');
    cluster.wait(1_500);
    cluster.releaseDisk('b');
    cluster.tick('b');
    expect(cluster.role('b')).toBe('follower');
    expect(cluster.deadline('b')).toBeGreaterThan(cluster.now + 2_000);
    cluster.crash('c');
    cluster.tick('b');
    expect(cluster.role('b')).toBe('pre-candidate');
  });

  test('a leader with a stalled disk goes on through the others', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.holdDisk('a');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.commit('a')).toBe(2);
    expect(cluster.applied('b')).toEqual([1, 2]);
    expect(cluster.onDisk('a').log).toEqual([1]);
  });

  test('one stalled follower holds up nobody, two hold up the commit', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.holdDisk('b');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.commit('a')).toBe(2);
    cluster.holdDisk('c');
    cluster.propose('a', 'y');
    cluster.settle();
    expect(cluster.commit('a')).toBe(2);
    cluster.sync('c');
    cluster.settle();
    expect(cluster.commit('a')).toBe(3);
  });
});

describe('split votes', () => {
  test('two candidates of one term: nobody wins, and a later term decides', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd'] });
    for (const candidate of ['a', 'b']) {
      cluster.tick(candidate);
      for (const from of ['c', 'd']) {
        cluster.hear(preVote({ from, to: candidate, term: 1, answer: 'granted' }));
      }
      cluster.drop({ type: 'pre-vote-request' });
    }
    cluster.deliver({ from: 'a', to: 'c' });
    cluster.deliver({ from: 'b', to: 'd' });
    cluster.settle();
    expect([cluster.role('a'), cluster.role('b')]).not.toContain('leader');
    cluster.run(30_000);
    const leaders = ['a', 'b', 'c', 'd'].filter((name) => cluster.role(name) === 'leader');
    expect(leaders).toHaveLength(1);
    expect(cluster.core(leaders[0] ?? '').term).toBeGreaterThan(1);
  });

  test('a late vote of a lost round does not count in the next', () => {
    const cluster = new Cluster({ voters });
    cluster.tick('a');
    cluster.hear(preVote({ from: 'b', to: 'a', term: 1, answer: 'granted' }));
    cluster.tick('a');
    cluster.tick('a');
    cluster.hear(preVote({ from: 'b', to: 'a', term: 2, answer: 'granted' }));
    expect(cluster.core('a')).toMatchObject({ term: 2, role: { kind: 'candidate' } });
    cluster.hear(vote({ from: 'c', to: 'a', term: 1, answer: 'granted' }));
    expect(cluster.role('a')).toBe('candidate');
  });
});
