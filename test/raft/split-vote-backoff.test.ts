import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { heartbeat, preVote } from './messages.ts';

const voters = ['a', 'b', 'c'];

/** One node whose rounds are all lost: `rounds` of them. Returns how long it waited before each. */
function waits(rounds: number): number[] {
  const cluster = new Cluster({ voters });
  return Array.from({ length: rounds }, () => {
    const waited = cluster.deadline('a') - cluster.now;
    cluster.tick('a');
    for (const from of ['b', 'c']) cluster.hear(preVote({ from, to: 'a', term: 0, answer: 'refused' }));
    cluster.drop();
    expect(cluster.role('a')).toBe('follower');
    return waited;
  });
}

describe('each lost round widens the random range', () => {
  test.each([
    { lost: 0, max: 2_000 },
    { lost: 1, max: 3_000 },
    { lost: 2, max: 5_000 },
    { lost: 3, max: 9_000 },
    { lost: 10, max: 9_000, why: 'capped' },
  ])('after $lost lost rounds: 1000 ms to $max ms', ({ lost, max }) => {
    const samples = Array.from({ length: 300 }, (_, at) => {
      const cluster = new Cluster({ voters: ['a', 'b'], seed: at + 1 });
      for (let round = 0; round < lost; round++) {
        cluster.tick('a');
        cluster.hear(preVote({ from: 'b', to: 'a', term: 0, answer: 'refused' }));
      }
      return cluster.deadline('a') - cluster.now;
    });
    expect(Math.min(...samples)).toBeGreaterThanOrEqual(1_000);
    expect(Math.min(...samples)).toBeLessThan(1_000 + (max - 1_000) / 10);
    expect(Math.max(...samples)).toBeLessThanOrEqual(max);
    expect(Math.max(...samples)).toBeGreaterThan(max - (max - 1_000) / 10);
  });

  test('it never falls below the shortest time-out', () => {
    for (const waited of waits(50)) expect(waited).toBeGreaterThanOrEqual(1_000);
  });

  test('any leader ends it', () => {
    const cluster = new Cluster({ voters });
    for (let round = 0; round < 5; round++) {
      cluster.tick('a');
      cluster.tick('a');
    }
    expect(cluster.core('a').lostRounds).toBeGreaterThan(2);
    cluster.hear(heartbeat({ from: 'b', to: 'a', term: 1 }));
    expect(cluster.core('a').lostRounds).toBe(0);
    expect(cluster.deadline('a') - cluster.now).toBeLessThanOrEqual(2_000);
  });

  test('so does the own election', () => {
    const cluster = new Cluster({ voters });
    cluster.partition(['a'], ['b', 'c']);
    for (let round = 0; round < 5; round++) {
      cluster.tick('a');
      cluster.tick('a');
    }
    cluster.heal();
    cluster.campaign('a');
    expect(cluster.core('a').lostRounds).toBe(0);
  });
});

describe('the hurry after a closed link is short', () => {
  function hastyFollower(): Cluster {
    const cluster = new Cluster({ voters });
    cluster.hear(heartbeat({ from: 'b', to: 'a', term: 1 }));
    cluster.drop();
    cluster.openLink('a', 'b');
    cluster.closeLink('a', 'b');
    return cluster;
  }

  test('first within 10 to 60 ms', () => {
    const cluster = hastyFollower();
    const waited = cluster.deadline('a') - cluster.now;
    expect(waited).toBeGreaterThanOrEqual(10);
    expect(waited).toBeLessThanOrEqual(60);
  });

  test('then six rounds may be lost; the seventh ends it', () => {
    const cluster = hastyFollower();
    const hurried = Array.from({ length: 10 }, () => {
      const { hasty } = cluster.core('a');
      cluster.tick('a');
      cluster.tick('a');
      return hasty;
    });
    expect(hurried).toEqual([...Array.from({ length: 7 }, () => true), false, false, false]);
    expect(cluster.deadline('a') - cluster.now).toBeGreaterThanOrEqual(1_000);
  });
});

describe('no deadline is ever left in the past', () => {
  test.each([1, 2, 3, 4, 5])('under a partition that comes and goes (seed %i)', (seed) => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'], seed });
    for (let round = 0; round < 10; round++) {
      cluster.partition(['a', 'b'], ['c', 'd'], ['e']);
      cluster.run(3_000);
      cluster.partition(['a', 'b', 'c'], ['d', 'e']);
      cluster.run(3_000);
    }
    cluster.heal();
    cluster.run(10_000);
    expect(['a', 'b', 'c', 'd', 'e'].filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
  });
});
