import { describe, expect, test } from 'vitest';
import { members } from '../../src/protocol/state.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';

function leading(options: ClusterOptions): Cluster {
  const cluster = new Cluster(options);
  const [first = ''] = options.voters;
  cluster.elect(first);
  cluster.settle();
  return cluster;
}

describe('one step', () => {
  test('a newcomer learns, is promoted, and counts', () => {
    const cluster = leading({ voters: ['a'], strangers: ['b'] });
    cluster.propose('a', 'one');
    expect(cluster.change('a', 'add-learner b')).toMatchObject({ kind: 'appended' });
    cluster.settle();
    expect(cluster.core('b').membership).toEqual(cluster.core('a').membership);
    expect(cluster.log('b')).toEqual(cluster.log('a'));
    cluster.change('a', 'add-voter b');
    cluster.settle();
    expect(cluster.core('b').membership.voters).toEqual(['a', 'b']);
    cluster.partition(['a'], ['b']);
    cluster.propose('a', 'two');
    cluster.settle();
    expect(cluster.commit('a')).toBeLessThan(cluster.core('a').log.lastIndex);
  });

  test('it counts from the moment it is in the log, committed or not (thesis §4.1)', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d'] });
    cluster.partition(['a'], ['b', 'c', 'd']);
    cluster.change('a', 'add-voter d');
    expect(cluster.core('a').membership.voters).toHaveLength(4);
    expect(cluster.commit('a')).toBe(1);
  });

  test('a follower that is removed learns of it and is let go of', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    cluster.change('a', 'remove c');
    cluster.settle();
    expect(members(cluster.core('c').membership)).toEqual(['a', 'b']);
    expect(cluster.core('c').log.commitIndex).toBe(2);
    expect([...cluster.leading('a').progress.keys()]).toEqual(['b']);
  });

  test('one that is removed and does not answer is let go of after an election timeout', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    cluster.partition(['a', 'b'], ['c']);
    cluster.change('a', 'remove c');
    cluster.settle();
    expect([...cluster.leading('a').progress.keys()]).toEqual(['b', 'c']);
    cluster.run(cluster.core('a').config.electionTimeoutMaxMs + 1);
    expect([...cluster.leading('a').progress.keys()]).toEqual(['b']);
  });

  test('who does not answer is let go of in time also while the next change is under way', () => {
    const cluster = leading({ voters: ['a', 'b', 'c', 'd'], strangers: ['e'] });
    cluster.crash('d');
    cluster.change('a', 'remove d');
    cluster.settle();
    cluster.holdDisk('b');
    cluster.holdDisk('c');
    cluster.change('a', 'add-learner e');
    cluster.run(5_000);
    expect(cluster.role('a')).toBe('leader');
    expect([...cluster.leading('a').progress.keys()]).not.toContain('d');
  });

  test('who was away for a moment when it was removed still learns of it', () => {
    const cluster = leading({ voters: ['a', 'b', 'c', 'd'] });
    cluster.partition(['a', 'b', 'c'], ['d']);
    cluster.change('a', 'remove d');
    cluster.run(500);
    cluster.heal();
    cluster.run(300);
    expect(members(cluster.core('d').membership)).not.toContain('d');
  });

  test('what is so already takes no entry', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    expect(cluster.change('a', 'add-voter b')).toMatchObject({ kind: 'unchanged' });
    expect(cluster.core('a').log.lastIndex).toBe(1);
  });
});

describe('refused', () => {
  test('by anybody but the leader', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    expect(cluster.change('b', 'remove c')).toMatchObject({ kind: 'refused', code: 'NOT_LEADER' });
  });

  test('before the term has committed (pitfall 16)', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.campaign('a');
    expect(cluster.change('a', 'remove c')).toMatchObject({ kind: 'refused', code: 'NOT_READY' });
  });

  test('while one is in flight, and while a joint phase is not over', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d', 'e'] });
    cluster.change('a', 'add-learner d');
    expect(cluster.change('a', 'add-learner e')).toMatchObject({ code: 'CHANGE_IN_FLIGHT' });
  });

  test('while leadership is handed over', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    cluster.partition(['a'], ['b', 'c']);
    cluster.propose('a', 'one');
    cluster.step('a', { type: 'transfer', target: undefined });
    expect(cluster.change('a', 'remove c')).toMatchObject({ code: 'TRANSFER_IN_PROGRESS' });
  });

  test('when nobody would be left', () => {
    const cluster = leading({ voters: ['a', 'b'] });
    expect(cluster.change('a', 'remove a', 'remove b')).toMatchObject({ code: 'NO_VOTERS_LEFT' });
  });
});

describe('joint', () => {
  test('two come at once through a joint phase, which ends by itself', () => {
    const cluster = leading({ voters: ['a'], strangers: ['b', 'c'] });
    const reply = cluster.change('a', 'add-voter b', 'add-voter c');
    expect(reply).toMatchObject({ configuration: { votersOutgoing: ['a'], autoLeave: true } });
    cluster.settle();
    for (const id of ['a', 'b', 'c']) {
      expect(cluster.core(id).membership).toMatchObject({ voters: ['a', 'b', 'c'], votersOutgoing: [] });
    }
  });

  test('both halves must agree (§6)', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d', 'e'] });
    cluster.partition(['a', 'b', 'c'], ['d', 'e']);
    const { index } = cluster.change('a', 'add-voter d', 'add-voter e', 'remove b') as { index: number };
    cluster.settle();
    expect(cluster.commit('a')).toBeLessThan(index);
    cluster.heal();
    cluster.run(1_000);
    expect(cluster.core('a').membership).toMatchObject({ voters: ['a', 'c', 'd', 'e'], votersOutgoing: [] });
  });

  test('a new leader takes the phase to its end, with one entry (pitfall 17)', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d', 'e'] });
    cluster.change('a', 'add-voter d', 'add-voter e');
    cluster.deliver({ type: 'append-request' });
    cluster.crash('a');
    cluster.drop();
    cluster.run(10_000);
    const leader = ['b', 'c', 'd', 'e'].find((id) => cluster.role(id) === 'leader') ?? '';
    expect(cluster.core(leader).membership).toMatchObject({ votersOutgoing: [], autoLeave: false });
    const { log } = cluster.core(leader);
    const kinds = log.range(log.firstIndex, log.lastIndex).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'config')).toHaveLength(2);
  });

  test('a change that is cut away takes its configuration with it', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d'] });
    cluster.partition(['a'], ['b', 'c', 'd']);
    cluster.change('a', 'add-voter d');
    cluster.elect('b');
    cluster.heal();
    cluster.run(5_000);
    expect(cluster.core('a').membership.voters).toEqual(['a', 'b', 'c']);
  });
});

describe('the leader goes', () => {
  test.each([
    { why: 'of three', voters: ['a', 'b', 'c'] },
    { why: 'of two (pitfall 5)', voters: ['a', 'b'] },
  ])('$why: it commits its own removal, resigns, and another leads at once', ({ voters }) => {
    const cluster = leading({ voters });
    cluster.change('a', 'remove a');
    const before = cluster.now;
    cluster.settle();
    expect(cluster.role('a')).toBe('follower');
    expect(members(cluster.core('a').membership)).not.toContain('a');
    expect(cluster.role('b')).toBe('leader');
    expect(cluster.now).toBe(before);
    cluster.run(10_000);
    expect(cluster.wire({ from: 'a' })).toEqual([]);
    expect(cluster.role('a')).toBe('follower');
    expect(cluster.core('b').term).toBe(2);
  });

  test('is demoted: it leads until that is committed, and learns from then on', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'] });
    cluster.change('a', 'add-learner a');
    cluster.settle();
    expect(cluster.role('a')).toBe('follower');
    cluster.propose('b', 'one');
    cluster.settle();
    expect(cluster.log('a')).toEqual(cluster.log('b'));
  });

  test('is replaced in one step', () => {
    const cluster = leading({ voters: ['a', 'b', 'c'], strangers: ['d'] });
    cluster.change('a', 'add-voter d', 'remove a');
    cluster.settle();
    cluster.run(5_000);
    const leader = ['b', 'c', 'd'].find((id) => cluster.role(id) === 'leader') ?? '';
    expect([...cluster.core(leader).membership.voters].sort()).toEqual(['b', 'c', 'd']);
  });
});

describe('who holds a change that nobody else has', () => {
  test.each([
    { why: 'its own demotion', change: 'add-learner b' },
    { why: 'its own removal', change: 'remove b' },
  ])(
    '$why: stands for election all the same, or nobody could ever be elected (thesis §4.2.2)',
    ({ change }) => {
      const cluster = new Cluster({ voters: ['a', 'b'] });
      cluster.elect('b');
      cluster.settle();
      cluster.partition(['a'], ['b']);
      cluster.change('b', change);
      cluster.crash('b');
      cluster.heal();
      cluster.restart('b');
      cluster.run(10_000);
      expect(cluster.role('a')).toBe('leader');
      expect(cluster.core('a').membership.voters).toEqual(['a']);
      expect(cluster.role('b')).toBe('follower');
    },
  );
});

test('a learner that has not heard of its promotion votes when it is asked (pitfall 19)', () => {
  const cluster = leading({ voters: ['a', 'b'], learners: ['c'] });
  cluster.change('a', 'add-voter c');
  cluster.deliver({ to: 'b' });
  cluster.drop({ to: 'c' });
  cluster.settle();
  cluster.crash('a');
  cluster.drop();
  expect(cluster.core('c').membership.voters).not.toContain('c');
  cluster.run(10_000);
  expect(cluster.role('b')).toBe('leader');
});
