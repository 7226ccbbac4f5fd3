import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { append, told } from './messages.ts';

const voters = ['a', 'b', 'c'];

describe('disk completions that come late do not count for what has taken their place (pitfall 10)', () => {
  /** `a` holds [1, 1] with entry 2 on its way to the disk; then the leader of term 2 replaces entry 2. */
  function replaced(): Cluster {
    const cluster = new Cluster({ voters, logs: { a: [1] } });
    cluster.holdDisk('a');
    cluster.hear(append({ from: 'b', to: 'a', term: 1, prevIndex: 1, prevTerm: 1, terms: [1] }));
    cluster.hear(append({ from: 'c', to: 'a', term: 2, prevIndex: 1, prevTerm: 1, terms: [2] }));
    expect(cluster.log('a')).toEqual([1, 2]);
    return cluster;
  }

  test('the write of the older entry makes durable only what both have in common', () => {
    const cluster = replaced();
    cluster.sync('a', 1);
    expect(cluster.core('a').durability.durableIndex).toBe(1);
    cluster.sync('a');
    expect(cluster.core('a').durability.durableIndex).toBe(2);
  });

  test('the newer leader hears of its entry only when that one is durable', () => {
    const cluster = replaced();
    cluster.sync('a', 1);
    expect(cluster.wire({ to: 'c' })).toEqual([]);
    cluster.sync('a');
    expect(cluster.wire({ to: 'c' }).map(told)).toEqual(['a→c append-response t2 accepted 2']);
  });

  test('back and forth: an entry that was cut and comes again is not durable by its first write', () => {
    const cluster = new Cluster({ voters, logs: { a: [1] } });
    cluster.holdDisk('a');
    const behind = { prevIndex: 1, prevTerm: 1 } as const;
    cluster.hear(append({ from: 'b', to: 'a', term: 2, ...behind, terms: [2, 2] }));
    cluster.hear(append({ from: 'c', to: 'a', term: 3, ...behind, terms: [3] }));
    cluster.hear(append({ from: 'b', to: 'a', term: 4, ...behind, terms: [3, 4] }));
    cluster.sync('a', 1);
    expect(cluster.core('a').durability.durableIndex).toBe(1);
    cluster.sync('a', 1);
    expect(cluster.core('a').durability.durableIndex).toBe(2);
    cluster.sync('a', 1);
    expect(cluster.core('a').durability.durableIndex).toBe(3);
    expect(cluster.onDisk('a').log).toEqual([1, 3, 4]);
  });

  test('one completion for several writes', () => {
    const cluster = replaced();
    cluster.sync('a');
    expect(cluster.core('a').durability).toMatchObject({ durableIndex: 2, pending: [] });
    expect(cluster.wire().map(told)).toEqual([
      'a→b append-response t1 accepted 2',
      'a→c append-response t2 accepted 2',
    ]);
  });

  test('the write of an entry as a follower does not count for the entry of the own term', () => {
    const cluster = new Cluster({ voters, logs: { a: [1], b: [1], c: [1] } });
    cluster.holdDisk('a');
    cluster.hear(append({ from: 'b', to: 'a', term: 1, prevIndex: 1, prevTerm: 1, terms: [1, 1] }));
    cluster.hear(append({ from: 'c', to: 'a', term: 2, prevIndex: 1, prevTerm: 1, terms: [2] }));
    cluster.wait(5_000);
    cluster.tick('a');
    cluster.settle();
    cluster.sync('a', 2);
    cluster.settle();
    expect(cluster.core('a').durability.durableIndex).toBe(2);
    expect(cluster.commit('a')).toBe(0);
  });

  test('a disk that completes what it was never given stops the node', () => {
    const cluster = new Cluster({ voters });
    expect(() => cluster.step('a', { type: 'durable', sequence: 1 })).toThrow(/only what it was given/);
  });

  test('a completion told twice, or an older one after a newer, changes nothing', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.elect('a');
    cluster.propose('a', 'x');
    const { durableIndex } = cluster.core('a').durability;
    cluster.step('a', { type: 'durable', sequence: 1 });
    expect(cluster.core('a').durability.durableIndex).toBe(durableIndex);
  });
});

describe('a leader with entries on the way to its own disk', () => {
  test('sends them beside its own write', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.holdDisk('a');
    cluster.propose('a', 'x');
    expect(cluster.wire({ type: 'append-request' })).toHaveLength(2);
    expect(cluster.onDisk('a').log).toEqual([1]);
  });

  test('that loses them in a crash gets them back from those who committed them', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.holdDisk('a');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.commit('a')).toBe(2);
    cluster.restart('a');
    cluster.releaseDisk('a');
    expect(cluster.log('a')).toEqual([1]);
    cluster.run(10_000);
    expect(cluster.log('a').slice(0, 2)).toEqual([1, 1]);
    expect(cluster.applied('a').slice(0, 2)).toEqual([1, 2]);
  });

  test('a follower that lost an unanswered entry is asked again', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.holdDisk('b');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.restart('b');
    cluster.releaseDisk('b');
    expect(cluster.log('b')).toEqual([1]);
    cluster.run(1_000);
    expect(cluster.log('b')).toEqual([1, 1]);
    expect(cluster.progress('a', 'b')).toMatchObject({ mode: 'replicate', matchIndex: 2 });
  });
});

describe('one write a step', () => {
  test('cut, entries and hard state travel together', () => {
    const cluster = new Cluster({ voters, logs: { a: [1, 1] } });
    cluster.holdDisk('a');
    const message = append({ from: 'b', to: 'a', term: 3, prevIndex: 1, prevTerm: 1, terms: [3, 3] });
    expect(cluster.step('a', { type: 'message', message }).write).toEqual({
      sequence: 1,
      hardState: { term: 3, votedFor: undefined },
      truncateFrom: 2,
      entries: message.entries,
    });
  });

  test('what changes nothing writes nothing', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.drop();
    cluster.tick('a');
    const [beat] = cluster.wire({ to: 'b', type: 'heartbeat' });
    expect(beat && cluster.step('b', { type: 'message', message: beat }).write).toBe(undefined);
  });

  test('commands of one turn are one write', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    expect(cluster.propose('a', 'x', 'y', 'z').write?.entries).toHaveLength(3);
  });
});
