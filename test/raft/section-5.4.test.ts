import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { voteRequest } from './messages.ts';

describe('§5.4.1: only a log at least as up to date gets a vote', () => {
  const rows = [
    { why: 'both empty', own: [], asker: [], granted: true },
    { why: 'the same log', own: [1, 2], asker: [1, 2], granted: true },
    { why: 'a later last term wins', own: [1, 2], asker: [1, 3], granted: true },
    { why: 'a later last term wins over a longer log', own: [1, 1, 1, 1], asker: [2], granted: true },
    { why: 'an earlier last term loses', own: [1, 3], asker: [1, 2], granted: false },
    { why: 'an earlier last term loses, however long', own: [3], asker: [2, 2, 2, 2], granted: false },
    { why: 'the same last term: the longer log wins', own: [1, 2], asker: [1, 2, 2], granted: true },
    { why: 'the same last term: the shorter log loses', own: [1, 2, 2], asker: [1, 2], granted: false },
    { why: 'nothing against something', own: [1], asker: [], granted: false },
    { why: 'something against nothing', own: [], asker: [1], granted: true },
  ];
  test.each(rows)('$why: $own asked by $asker', ({ own, asker, granted }) => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], logs: { a: own } });
    const [answer] = cluster.hear(
      voteRequest({ from: 'b', to: 'a', term: 9, lastIndex: asker.length, lastTerm: asker.at(-1) ?? 0 }),
    );
    expect(answer).toMatchObject({ type: 'vote-response', granted });
  });

  test('the tail counts though it is not durable yet, and the vote waits for it', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.elect('b');
    cluster.holdDisk('a');
    cluster.propose('b', 'x');
    cluster.deliver({ to: 'a' });
    const ask = { from: 'c', to: 'a', term: 2, lastTerm: 1, transfer: true } as const;
    cluster.hear(voteRequest({ ...ask, lastIndex: 1 }));
    cluster.sync('a');
    expect(cluster.wire({ from: 'a', to: 'c' })).toMatchObject([{ type: 'vote-response', granted: false }]);
  });
});

/** Figure 8. Appends carry one entry each, so that (c) can be stopped where the paper stops it. */
const S = ['s1', 's2', 's3', 's4', 's5'] as const;

/** (a) S1 leads term 2 and reaches S2. (b) S5 leads term 3 with the votes of S3 and S4. */
function figure8b(): Cluster {
  const cluster = new Cluster({
    voters: S,
    logs: Object.fromEntries(S.map((name) => [name, [1]])),
    config: { maxAppendBytes: 32 },
  });
  cluster.campaign('s1');
  cluster.deliver({ to: 's2', type: 'append-request' });
  cluster.drop();
  cluster.crash('s1');
  cluster.campaign('s5');
  cluster.drop();
  expect(S.map((name) => cluster.log(name))).toEqual([[1, 2], [1, 2], [1], [1], [1, 3]]);
  return cluster;
}

/** (c) S1 is back, leads term 4 and brings the entry of term 2 to S3 and S4: a majority. */
function figure8c(): Cluster {
  const cluster = figure8b();
  cluster.crash('s5');
  cluster.restart('s1');
  cluster.campaign('s1');
  cluster.drop({ to: 's2' });
  for (const peer of ['s3', 's4'] as const) {
    cluster.deliver({ to: peer });
    cluster.deliver({ from: peer });
    cluster.deliver({ to: peer });
    cluster.deliver({ from: peer });
  }
  expect(cluster.core('s1').term).toBe(4);
  expect(S.map((name) => cluster.log(name))).toEqual([
    [1, 2, 4],
    [1, 2],
    [1, 2],
    [1, 2],
    [1, 3],
  ]);
  return cluster;
}

describe('§5.4.2, Figure 8: counting replicas of a prior term commits too early', () => {
  test('(c) an entry of an older term on a majority of disks is not committed', () => {
    const cluster = figure8c();
    for (const peer of ['s3', 's4']) expect(cluster.progress('s1', peer).matchIndex).toBe(2);
    expect(cluster.commit('s1')).toBe(0);
  });

  test('(d) for a later leader may still replace it', () => {
    const cluster = figure8c();
    cluster.drop();
    cluster.crash('s1');
    cluster.restart('s5');
    cluster.campaign('s5');
    cluster.settle();
    expect(cluster.log('s3').slice(0, 2)).toEqual([1, 3]);
    cluster.restart('s1');
    cluster.run(10_000);
    for (const name of S) expect(cluster.log(name).slice(0, 2)).toEqual([1, 3]);
    expect(cluster.commit('s5')).toBeGreaterThanOrEqual(3);
  });

  test('(e) with an entry of its own term on a majority everything before is committed for good', () => {
    const cluster = figure8c();
    for (const peer of ['s3', 's4']) {
      cluster.deliver({ to: peer });
      cluster.deliver({ from: peer });
    }
    expect(cluster.commit('s1')).toBe(3);
    expect(cluster.applied('s1')).toEqual([1, 2, 3]);
    cluster.drop();
    cluster.crash('s1');
    cluster.restart('s5');
    cluster.run(60_000);
    expect(cluster.role('s5')).not.toBe('leader');
    for (const name of ['s2', 's3', 's4', 's5']) expect(cluster.log(name).slice(0, 3)).toEqual([1, 2, 4]);
  });
});

describe('a new leader commits what it found through an entry of its own', () => {
  test('without any proposal', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], logs: { a: [1, 1], b: [1, 1], c: [1] } });
    cluster.elect('a');
    expect(cluster.log('a')).toEqual([1, 1, 2]);
    expect(cluster.applied('a')).toEqual([1, 2, 3]);
  });

  test('every leader holds every committed entry, through many elections', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    for (const name of ['a', 'b', 'c', 'b', 'a']) {
      cluster.wait(3_000);
      cluster.elect(name);
      cluster.propose(name, 'x');
      cluster.settle();
      expect(cluster.commit(name)).toBe(cluster.core(name).log.lastIndex);
    }
    cluster.run(500);
    expect(cluster.log('c')).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });
});
