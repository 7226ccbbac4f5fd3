import { describe, expect, test } from 'vitest';
import { Cluster, type ClusterOptions } from './cluster.ts';

const voters = ['a', 'b', 'c'];
const SEEDS = Array.from({ length: 20 }, (_, at) => at + 1);

/** Who is elected when nobody leads and all are up. */
function winner(options: ClusterOptions): string | undefined {
  const cluster = new Cluster(options);
  cluster.run(40_000);
  return options.voters.find((name) => cluster.role(name) === 'leader');
}

function wins(options: ClusterOptions): Record<string, number> {
  const count: Record<string, number> = {};
  for (const seed of SEEDS) {
    const name = winner({ ...options, seed }) ?? 'nobody';
    count[name] = (count[name] ?? 0) + 1;
  }
  return count;
}

describe('standing', () => {
  test('with `leader_election` a node stands before those without, whatever the dice say', () => {
    const lastResort = { standing: 'last-resort' } as const;
    expect(wins({ voters, configs: { a: lastResort, b: lastResort } })).toEqual({ c: SEEDS.length });
  });

  test('a swarm whose only capable member died still elects', () => {
    const lastResort = { standing: 'last-resort' } as const;
    const cluster = new Cluster({ voters, configs: { a: lastResort, b: lastResort } });
    cluster.run(5_000);
    expect(cluster.role('c')).toBe('leader');
    cluster.crash('c');
    cluster.run(6_000);
    expect([cluster.role('a'), cluster.role('b')]).not.toContain('leader');
    cluster.run(60_000);
    expect([cluster.role('a'), cluster.role('b')]).toContain('leader');
  });

  test('leadership goes back once a capable node has caught up', () => {
    const lastResort = { standing: 'last-resort' } as const;
    const cluster = new Cluster({ voters, configs: { a: lastResort, b: lastResort } });
    cluster.crash('c');
    cluster.run(60_000);
    expect([cluster.role('a'), cluster.role('b')]).toContain('leader');
    cluster.restart('c');
    cluster.run(10_000);
    expect(cluster.role('c')).toBe('leader');
  });

  test('strict eligibility makes last resort never', () => {
    const never = { standing: 'never' } as const;
    const cluster = new Cluster({ voters, configs: { a: never, b: never } });
    cluster.crash('c');
    expect(cluster.deadline('a')).toBe(Number.POSITIVE_INFINITY);
    cluster.run(600_000);
    expect([cluster.core('a').term, cluster.core('b').term]).toEqual([0, 0]);
  });

  test('whoever never stands still votes', () => {
    const never = { standing: 'never' } as const;
    expect(winner({ voters, configs: { a: never, b: never } })).toBe('c');
  });
});

describe('rank', () => {
  test('a lower rank waits longer, so the first stands first nearly always', () => {
    const count = wins({ voters, configs: { a: { rank: 8 }, b: { rank: 8 } } });
    expect(count).toEqual({ c: SEEDS.length });
  });

  test('may be shifted: whoever is told so before anybody leads stands first', () => {
    const firsts = SEEDS.map((seed) => {
      const cluster = new Cluster({ voters, seed, config: { rank: 8 } });
      cluster.step('b', { type: 'shift-rank', shift: -8 });
      cluster.run(40_000);
      return voters.find((name) => cluster.role(name) === 'leader');
    });
    expect(new Set(firsts)).toEqual(new Set(['b']));
  });

  test('never counts as less than 0, and can be shifted back', () => {
    const cluster = new Cluster({ voters });
    const deadline = cluster.deadline('b');
    cluster.step('b', { type: 'shift-rank', shift: -16 });
    expect(cluster.deadline('b')).toBe(deadline);
    cluster.step('b', { type: 'shift-rank', shift: 4 });
    expect(cluster.deadline('b')).toBeGreaterThan(deadline);
    cluster.step('b', { type: 'shift-rank', shift: 0 });
    expect(cluster.deadline('b')).toBe(deadline);
  });

  test('but not for ever: alone of three voters with one more it is elected', () => {
    const cluster = new Cluster({ voters, configs: { a: { rank: 16 }, b: { rank: 16 } } });
    cluster.crash('c');
    cluster.run(30_000);
    expect([cluster.role('a'), cluster.role('b')]).toContain('leader');
  });

  test('a rank with an old log still loses to any log that is further', () => {
    const cluster = new Cluster({
      voters,
      logs: { a: [1], b: [1, 1], c: [1, 1] },
      configs: { b: { rank: 4 }, c: { rank: 4 } },
    });
    cluster.run(20_000);
    expect(cluster.role('a')).toBe('follower');
    expect(cluster.log('a').slice(0, 2)).toEqual([1, 1]);
  });
});
