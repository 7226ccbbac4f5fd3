import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';

const voters = ['a', 'b', 'c'];

/** Everybody linked to everybody, `a` leading. */
function linked(): Cluster {
  const cluster = new Cluster({ voters });
  for (const [left, right] of [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'c'],
  ] as const) {
    cluster.openLink(left, right);
  }
  cluster.campaign('a');
  cluster.run(500);
  return cluster;
}

function kill(cluster: Cluster, name: string): void {
  cluster.crash(name);
  for (const other of voters) if (other !== name) cluster.closeLink(name, other);
}

describe('a leader whose links closed everywhere is replaced in tens of milliseconds', () => {
  test('well before any time-out', () => {
    const cluster = linked();
    kill(cluster, 'a');
    cluster.run(100);
    expect([cluster.role('b'), cluster.role('c')]).toContain('leader');
    expect(cluster.core('b').term).toBe(cluster.core('c').term);
  });

  test('whoever has lost its own link to the leader protects it no longer', () => {
    const cluster = linked();
    kill(cluster, 'a');
    cluster.tick('b');
    cluster.deliver({ to: 'c' });
    expect(cluster.role('c')).toBe('follower');
    expect(cluster.wire({ from: 'c' })).toMatchObject([{ type: 'pre-vote-response', granted: true }]);
  });

  test('for every seed, and seldom with more than one lost round', () => {
    const slow = Array.from({ length: 30 }, (_, at) => at + 1).filter((seed) => {
      const cluster = new Cluster({ voters, seed });
      for (const other of ['b', 'c']) cluster.openLink('a', other);
      cluster.openLink('b', 'c');
      cluster.campaign('a');
      cluster.run(500);
      kill(cluster, 'a');
      cluster.run(300);
      return cluster.role('b') !== 'leader' && cluster.role('c') !== 'leader';
    });
    expect(slow).toEqual([]);
  });
});

describe('a closed link alone weakens nothing', () => {
  test('a follower whose own link broke is refused by those that still hear the leader', () => {
    const cluster = linked();
    cluster.mute('a', 'c');
    cluster.mute('c', 'a');
    cluster.closeLink('a', 'c');
    cluster.run(30_000);
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
    expect(cluster.core('c').term).toBe(1);
  });

  test('a link that opens again ends the hurry with the first word of the leader', () => {
    const cluster = linked();
    cluster.closeLink('a', 'b');
    expect(cluster.core('b').hasty).toBe(true);
    cluster.openLink('a', 'b');
    cluster.settle();
    expect(cluster.core('b').hasty).toBe(false);
    expect(cluster.deadline('b') - cluster.now).toBeGreaterThanOrEqual(1_000);
  });

  test('the link to somebody who does not lead is no reason for anything', () => {
    const cluster = linked();
    const before = cluster.deadline('b');
    cluster.closeLink('b', 'c');
    expect(cluster.deadline('b')).toBe(before);
    expect(cluster.core('b').hasty).toBe(false);
  });

  test('without a quorum in reach the hurry ends after a few rounds', () => {
    const cluster = linked();
    cluster.crash('c');
    kill(cluster, 'a');
    cluster.run(10_000);
    expect(cluster.core('b')).toMatchObject({ term: 1, hasty: false });
  });
});

describe('a start', () => {
  test('does not wait for a full time-out once a quorum is in reach', () => {
    const cluster = new Cluster({ voters });
    cluster.openLink('a', 'b');
    cluster.run(100);
    expect([cluster.role('a'), cluster.role('b')]).toContain('leader');
  });

  test('hurries nobody while a quorum is out of reach', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] });
    cluster.openLink('a', 'b');
    expect(cluster.core('a').hasty).toBe(false);
  });

  test('of a node alone takes no time-out', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.run(60);
    expect(cluster.role('a')).toBe('leader');
  });

  test('of one node in a swarm that works changes no leader', () => {
    const cluster = linked();
    kill(cluster, 'c');
    cluster.run(5_000);
    cluster.restart('c');
    cluster.openLink('a', 'c');
    cluster.openLink('b', 'c');
    cluster.run(2_000);
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
    expect(cluster.core('c').role).toMatchObject({ leaderId: 'a' });
  });

  test('learners are never in a hurry', () => {
    const cluster = new Cluster({ voters: ['a', 'b'], learners: ['l'] });
    cluster.openLink('l', 'a');
    cluster.openLink('l', 'b');
    expect(cluster.core('l').hasty).toBe(false);
    expect(cluster.deadline('l')).toBe(Number.POSITIVE_INFINITY);
  });
});
