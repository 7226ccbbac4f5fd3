import { describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { configuration } from '../../src/protocol/state.ts';
import { RaftLog } from '../../src/raft/log.ts';
import { Cluster } from './cluster.ts';
import { entries } from './messages.ts';

const NO_TAIL = { snapshotTailEntries: 0 };

/** `a` leads, and `c` has heard nothing since `proposals` ago. */
function lagging(proposals: number): Cluster {
  const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: NO_TAIL });
  cluster.elect('a');
  cluster.partition(['a', 'b'], ['c']);
  for (let at = 0; at < proposals; at++) cluster.propose('a', `p${at}`);
  cluster.settle();
  return cluster;
}

describe('a log behind its base', () => {
  const log = (): RaftLog => {
    const made = new RaftLog({ index: logIndex(5), term: term(2) }, entries(5, [2, 3, 3]));
    made.commit(logIndex(7));
    return made;
  };

  test.each([
    { why: 'the base itself', at: 5, term: 2 },
    { why: 'below it', at: 4, term: undefined },
    { why: 'an entry', at: 7, term: 3 },
    { why: 'beyond the end', at: 9, term: undefined },
  ])('$why: term at $at', ({ at, term: known }) => {
    expect(log().termAt(logIndex(at))).toBe(known);
  });

  test.each([
    { why: 'wholly below', from: 1, to: 5, found: [] },
    { why: 'from below', from: 3, to: 6, found: [6] },
    { why: 'all', from: 6, to: 8, found: [6, 7, 8] },
    { why: 'beyond the end', from: 8, to: 12, found: [8] },
  ])('range $from…$to: $why', ({ from, to, found }) => {
    const range = log().range(logIndex(from), logIndex(to));
    expect(range.map(({ index }) => index)).toEqual(found);
    const slice = log().slice(logIndex(from), logIndex(to), Number.POSITIVE_INFINITY);
    expect(slice.map(({ index }) => index)).toEqual(found);
  });

  test('compacts up to what is committed, and keeps count', () => {
    const made = log();
    const before = made.bytes;
    made.compact(logIndex(7));
    expect(made.base).toEqual({ index: 7, term: 3 });
    expect(made.bytes).toBeLessThan(before);
    made.compact(logIndex(6));
    expect(made.firstIndex).toBe(8);
    expect(() => made.compact(logIndex(8))).toThrow(/not committed/);
  });

  test('never takes a commit back', () => {
    expect(() => log().restart({ index: logIndex(6), term: term(3) })).toThrow(/takes a commit back/);
  });
});

describe('compaction', () => {
  test('keeps the tail that spares a slow follower a snapshot', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: { snapshotTailEntries: 3 } });
    cluster.elect('a');
    for (let at = 0; at < 9; at++) cluster.propose('a', `p${at}`);
    cluster.settle();
    cluster.saveSnapshot('a');
    expect(cluster.core('a').log.firstIndex).toBe(8);
  });

  test('a node comes back from its snapshot and what follows it', () => {
    const cluster = lagging(5);
    cluster.saveSnapshot('a');
    cluster.propose('a', 'after');
    cluster.settle();
    cluster.restart('a');
    const { log, snapshot } = cluster.core('a');
    expect([log.lastIndex, snapshot?.index, log.commitIndex]).toEqual([7, 6, 6]);
    cluster.run(5_000);
    expect(cluster.applied('a')).toEqual([7, 8]);
  });
});

describe('a follower that lacks what is not in the log any more', () => {
  test('is sent the snapshot, and goes on behind it', () => {
    const cluster = lagging(5);
    cluster.saveSnapshot('a');
    cluster.heal();
    cluster.run(300);
    expect(cluster.progress('a', 'c')).toMatchObject({ mode: 'snapshot', pendingIndex: 6 });
    cluster.propose('a', 'meanwhile');
    cluster.sendSnapshot('a', 'c');
    cluster.settle();
    expect(cluster.progress('a', 'c')).toMatchObject({ mode: 'replicate', matchIndex: 7 });
    cluster.run(300);
    expect(cluster.commit('c')).toBe(7);
    expect(cluster.applied('c')).toEqual([1, 7]);
  });

  test('whose pipeline stood still while the log went on is sent one, too', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: { ...NO_TAIL, maxInflightAppends: 1 } });
    cluster.elect('a');
    cluster.propose('a', 'lost');
    cluster.drop({ to: 'c' });
    for (let at = 0; at < 4; at++) cluster.propose('a', `p${at}`);
    cluster.settle({ to: 'b' });
    cluster.settle({ from: 'b' });
    cluster.drop({ to: 'c' });
    cluster.saveSnapshot('a');
    expect(cluster.progress('a', 'c').mode).toBe('replicate');
    cluster.run(300);
    expect(cluster.progress('a', 'c').mode).toBe('snapshot');
  });

  test('counts nothing of it before it is installed', () => {
    const cluster = lagging(5);
    cluster.saveSnapshot('a');
    cluster.heal();
    cluster.run(300);
    expect(cluster.progress('a', 'c').matchIndex).toBeLessThanOrEqual(1);
  });

  test('finds what follows it, because the log keeps that for a peer in reach', () => {
    const cluster = lagging(5);
    cluster.saveSnapshot('a');
    cluster.heal();
    cluster.openLink('a', 'c');
    cluster.run(300);
    cluster.propose('a', 'more');
    cluster.settle();
    cluster.saveSnapshot('a');
    expect(cluster.core('a').log.firstIndex).toBe(7);
    cluster.closeLink('a', 'c');
    cluster.propose('a', 'and more');
    cluster.settle();
    cluster.saveSnapshot('a');
    expect(cluster.core('a').log.firstIndex).toBe(9);
  });

  test('is sent another when the log has gone on without it', () => {
    const cluster = lagging(5);
    const first = cluster.saveSnapshot('a');
    cluster.heal();
    cluster.run(300);
    cluster.closeLink('a', 'c');
    cluster.propose('a', 'more');
    cluster.settle({ to: 'b' });
    cluster.settle({ to: 'a' });
    cluster.saveSnapshot('a');
    cluster.sendSnapshot('a', 'c', first);
    cluster.settle();
    cluster.run(300);
    expect(cluster.progress('a', 'c')).toMatchObject({ mode: 'snapshot', pendingIndex: 7 });
  });

  test('a conflicting suffix gives way with the whole log (pitfall 9)', () => {
    const cluster = new Cluster({
      voters: ['a', 'b', 'c'],
      config: NO_TAIL,
      logs: { a: [1, 2, 2], b: [1, 2, 2], c: [1, 1, 1, 1, 1, 1, 1, 1] },
      terms: { c: 1 },
    });
    cluster.partition(['a', 'b'], ['c']);
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.saveSnapshot('a');
    cluster.heal();
    cluster.run(300);
    cluster.sendSnapshot('a', 'c');
    expect(cluster.log('c')).toEqual([]);
    expect(cluster.onDisk('c').log).toEqual([]);
    cluster.settle();
    cluster.run(500);
    expect(cluster.core('c').log.lastIndex).toBe(cluster.core('a').log.lastIndex);
  });

  test('what it holds of it already stays, with everything behind', () => {
    const cluster = lagging(3);
    const snapshot = cluster.saveSnapshot('a');
    cluster.sendSnapshot('a', 'b', { ...snapshot, index: logIndex(3) });
    expect(cluster.log('b')).toHaveLength(4);
  });

  test('an old snapshot changes nothing', () => {
    const cluster = lagging(3);
    const before = cluster.log('b');
    cluster.sendSnapshot('a', 'b', { index: logIndex(1), term: term(1), configuration: configuration([]) });
    expect(cluster.log('b')).toEqual(before);
  });

  test('learns from it who belongs to the cluster, a joint phase included (pitfall 18)', () => {
    const cluster = lagging(3);
    const joint = {
      ...configuration(['a', 'b', 'd'].map(nodeId)),
      votersOutgoing: ['a', 'b', 'c'].map(nodeId),
      autoLeave: true,
    };
    cluster.sendSnapshot('a', 'c', { index: logIndex(4), term: term(1), configuration: joint });
    expect(cluster.core('c').membership).toEqual(joint);
    cluster.restart('c');
    expect(cluster.core('c').membership).toEqual(joint);
  });
});

test('a term that was lost with a crash is taken from the snapshot', () => {
  const cluster = lagging(3);
  cluster.holdDisk('c');
  const snapshot = {
    index: logIndex(4),
    term: term(7),
    configuration: configuration(['a', 'b', 'c'].map(nodeId)),
  };
  cluster.hear({
    type: 'heartbeat',
    from: nodeId('b'),
    to: nodeId('c'),
    term: term(7),
    commitIndex: logIndex(0),
    round: 1,
  });
  cluster.sendSnapshot('b', 'c', snapshot);
  cluster.restart('c');
  expect(cluster.core('c')).toMatchObject({ term: 7, votedFor: undefined });
});
