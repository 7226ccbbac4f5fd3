import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';
import { heartbeatAnswer } from './messages.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

describe('a leader that hears nothing from a quorum steps down (thesis §6.2)', () => {
  test('after the longest election timeout, and not before', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    const heard = cluster.now;
    cluster.partition(['a'], ['b', 'c']);
    cluster.run(1_999);
    expect(cluster.role('a')).toBe('leader');
    cluster.run(heard + 2_000 - cluster.now);
    expect(cluster.role('a')).toBe('follower');
    expect(cluster.core('a').term).toBe(1);
  });

  test('a minority that answers does not keep it in office', () => {
    const cluster = new Cluster({ voters: five });
    cluster.elect('a');
    cluster.partition(['a', 'b'], ['c', 'd', 'e']);
    cluster.run(2_500);
    expect(cluster.role('a')).not.toBe('leader');
  });

  test('a majority does, though it changes from time to time', () => {
    const cluster = new Cluster({ voters: five });
    cluster.elect('a');
    for (const [near, far] of [
      [
        ['a', 'b', 'c'],
        ['d', 'e'],
      ],
      [
        ['a', 'd', 'e'],
        ['b', 'c'],
      ],
      [
        ['a', 'b', 'e'],
        ['c', 'd'],
      ],
    ] as const) {
      cluster.partition(near, far);
      cluster.run(1_500);
    }
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
  });

  test('learners that answer do not count', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], learners: ['l', 'm'] });
    cluster.elect('a');
    cluster.partition(['a', 'l', 'm'], ['b', 'c']);
    cluster.run(2_500);
    expect(cluster.role('a')).not.toBe('leader');
  });

  test('a node alone leads without hearing anybody, and wakes for nothing', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.elect('a');
    expect(cluster.deadline('a')).toBe(Number.POSITIVE_INFINITY);
  });

  test('reads it had admitted are refused when it steps down', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.partition(['a'], ['b', 'c']);
    cluster.step('a', { type: 'read', context: 7, trust: 'quorum' });
    expect(cluster.reads('a')).toEqual([]);
    cluster.run(2_500);
    expect(cluster.reads('a')).toEqual([{ context: 7, index: undefined }]);
  });
});

describe('partial partitions do not churn leaders', () => {
  test('a follower that its leader cannot reach stays a follower of nobody, without raising terms', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.mute('a', 'c');
    cluster.mute('c', 'a');
    cluster.run(60_000);
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
    expect(cluster.core('c').term).toBe(1);
  });

  test('a leader that speaks but does not hear is replaced, and steps down by itself', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.mute('b', 'a');
    cluster.mute('c', 'a');
    cluster.run(10_000);
    expect(cluster.role('a')).not.toBe('leader');
    expect(['b', 'c'].filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
  });

  test('a leader that hears but cannot speak is replaced', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.mute('a', 'b');
    cluster.mute('a', 'c');
    cluster.run(10_000);
    expect(['b', 'c'].filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
    expect(cluster.core('a').role.kind).toBe('follower');
  });

  test('a paused leader that wakes up late finds out before it does harm', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.wait(5_000);
    cluster.elect('b');
    expect(cluster.core('a')).toMatchObject({ term: 2, role: { kind: 'follower', leaderId: 'b' } });
  });

  test('a peer that has long been silent hears its leader as often as the others (pitfall 6)', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.mute('a', 'c');
    cluster.mute('c', 'a');
    cluster.run(60_000);
    cluster.heal();
    const { heartbeatIntervalMs } = cluster.core('a').config;
    cluster.run(2 * heartbeatIntervalMs);
    expect(cluster.role('a')).toBe('leader');
    expect(cluster.core('c').role).toMatchObject({ kind: 'follower', leaderId: 'a' });
  });

  test('contact counts from the election on, and each answer puts the end off', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('a');
    cluster.drop();
    cluster.wait(1_500);
    cluster.hear(heartbeatAnswer({ from: 'b', to: 'a', term: 1 }));
    cluster.wait(1_500);
    cluster.step('a', { type: 'tick' });
    expect(cluster.role('a')).toBe('leader');
    cluster.step('a', { type: 'link-closed', peer: nodeId('b') });
    cluster.wait(500);
    cluster.step('a', { type: 'tick' });
    expect(cluster.role('a')).toBe('follower');
  });
});
