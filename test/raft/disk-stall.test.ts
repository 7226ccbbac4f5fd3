import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';

function stalled(voters: readonly string[]): Cluster {
  const cluster = new Cluster({ voters });
  cluster.elect('a');
  cluster.holdDisk('a');
  cluster.propose('a', 'one');
  cluster.settle();
  return cluster;
}

describe('a leader whose disk does not complete a write (pitfall 7)', () => {
  test('goes on as long as it may be slow', () => {
    const cluster = stalled(['a', 'b', 'c']);
    expect(cluster.commit('a')).toBe(2);
    cluster.run(cluster.core('a').config.electionTimeoutMaxMs - 1);
    expect(cluster.role('a')).toBe('leader');
  });

  test('resigns after an election timeout, and one whose disk works takes over at once', () => {
    const cluster = stalled(['a', 'b', 'c']);
    cluster.run(cluster.core('a').config.electionTimeoutMaxMs);
    cluster.settle();
    expect(cluster.role('a')).toBe('follower');
    expect(['b', 'c'].map((id) => cluster.role(id))).toContain('leader');
  });

  test('does not lead again while it stalls', () => {
    const cluster = stalled(['a', 'b', 'c']);
    cluster.run(60_000);
    expect(cluster.role('a')).toBe('follower');
  });

  test('has nobody to give way to when it is alone', () => {
    const cluster = stalled(['a']);
    cluster.run(10_000);
    expect(cluster.role('a')).toBe('leader');
  });
});
