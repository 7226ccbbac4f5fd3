import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { accepted, told } from './messages.ts';

describe('commit', () => {
  test('a node alone acknowledges nothing before its own disk has it', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.elect('a');
    cluster.holdDisk('a');
    cluster.propose('a', 'x');
    expect(cluster.applied('a')).toEqual([1]);
    cluster.sync('a');
    expect(cluster.applied('a')).toEqual([1, 2]);
  });

  test('the leader counts its own disk, not its own memory', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.crash('c');
    cluster.holdDisk('a');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.progress('a', 'b').matchIndex).toBe(2);
    expect(cluster.commit('a')).toBe(1);
    cluster.sync('a');
    expect(cluster.commit('a')).toBe(2);
  });

  test('learners hold the log and do not count', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], learners: ['l', 'm'] });
    cluster.elect('a');
    cluster.partition(['a', 'l', 'm'], ['b', 'c']);
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.log('l')).toEqual([1, 1]);
    expect(cluster.commit('a')).toBe(1);
  });

  test('a node alone with learners commits without them and brings them up', () => {
    const cluster = new Cluster({ voters: ['a'], learners: ['l'] });
    cluster.mute('l', 'a');
    cluster.elect('a');
    cluster.propose('a', 'x');
    expect(cluster.commit('a')).toBe(2);
    cluster.heal();
    cluster.run(300);
    expect(cluster.applied('l')).toEqual([1, 2]);
  });

  test('an answer to an older leader counts for nobody', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.wait(5_000);
    cluster.elect('b');
    cluster.wait(5_000);
    cluster.elect('a');
    cluster.partition(['a'], ['b', 'c']);
    cluster.propose('a', 'x');
    cluster.hear(accepted({ from: 'b', to: 'a', term: 1, match: 4 }));
    expect(cluster.commit('a')).toBe(3);
  });

  test('followers learn of a commit at once, in one small message each', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.deliver({ to: 'b' });
    cluster.deliver({ from: 'b' });
    expect(cluster.wire({ to: 'b' }).map(told)).toEqual(['a→b commit-notice t1 c2']);
    cluster.settle();
    expect([cluster.commit('b'), cluster.commit('c')]).toEqual([2, 2]);
  });

  test('a lost notice is made good by the next heartbeat', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.deliver({ to: 'b' });
    cluster.deliver({ from: 'b' });
    cluster.drop({ to: 'b' });
    cluster.run(150);
    expect(cluster.commit('b')).toBe(2);
  });

  test('a heartbeat never commits what the follower is not known to hold', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.partition(['a', 'b'], ['c']);
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.heal();
    cluster.tick('a');
    const beats = cluster.wire({ type: 'heartbeat' });
    expect(beats).toMatchObject([
      { to: 'b', commitIndex: 2 },
      { to: 'c', commitIndex: 1 },
    ]);
  });

  test('the leader refuses to heap up what it cannot commit, and takes commands again afterwards', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: { maxUncommittedBytes: 100 } });
    cluster.elect('a');
    cluster.partition(['a'], ['b', 'c']);
    const answers = [1, 2, 3].map(() => cluster.propose('a', new Uint8Array(60)).proposal);
    expect(answers).toEqual([
      { kind: 'appended', firstIndex: 2 },
      { kind: 'appended', firstIndex: 3 },
      { kind: 'refused', code: 'BUSY' },
    ]);
    cluster.heal();
    cluster.run(300);
    expect(cluster.commit('a')).toBe(3);
    expect(cluster.propose('a', 'x').proposal).toMatchObject({ kind: 'appended' });
  });

  test('entries that an earlier leader left behind are not counted against the bound', () => {
    const cluster = new Cluster({
      voters: ['a', 'b', 'c'],
      logs: { a: Array.from({ length: 50 }, () => 1) },
      config: { maxUncommittedBytes: 100 },
    });
    cluster.elect('a');
    expect(cluster.leading('a').uncommittedBytes).toBe(0);
    expect(cluster.propose('a', 'x').proposal).toMatchObject({ kind: 'appended' });
  });
});
