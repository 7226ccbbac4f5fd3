import { describe, expect, test } from 'vitest';
import { entrySize } from '../../src/protocol/entry.ts';
import type { AppendRequest, Message } from '../../src/protocol/message.ts';
import { Cluster } from './cluster.ts';
import { accepted, heartbeatAnswer } from './messages.ts';

const voters = ['a', 'b', 'c'];

function appendsTo(cluster: Cluster, peer: string): readonly AppendRequest[] {
  const isAppend = (message: Message): message is AppendRequest => message.type === 'append-request';
  return cluster.wire({ to: peer }).filter(isAppend);
}

function bytesOf(appends: readonly AppendRequest[]): number {
  return appends.flatMap(({ entries }) => entries).reduce((sum, entry) => sum + entrySize(entry), 0);
}

describe('deep pipelines only queue in the peer: bounded in messages and in bytes', () => {
  test('in messages', () => {
    const cluster = new Cluster({ voters, config: { maxInflightAppends: 4 } });
    cluster.elect('a');
    for (let i = 0; i < 20; i++) cluster.propose('a', `command ${i}`);
    expect(appendsTo(cluster, 'b')).toHaveLength(4);
  });

  test('in bytes, and one append over', () => {
    const cluster = new Cluster({ voters, config: { maxInflightBytes: 1_000, maxAppendBytes: 300 } });
    cluster.elect('a');
    for (let i = 0; i < 40; i++) cluster.propose('a', new Uint8Array(100));
    const bytes = bytesOf(appendsTo(cluster, 'b'));
    expect(bytes).toBeGreaterThanOrEqual(1_000);
    expect(bytes).toBeLessThanOrEqual(1_300);
  });

  test('each answer lets the next through, and all arrive in order', () => {
    const cluster = new Cluster({ voters, config: { maxInflightAppends: 2, maxAppendBytes: 100 } });
    cluster.elect('a');
    for (let i = 0; i < 50; i++) cluster.propose('a', new Uint8Array(20));
    let most = 0;
    while (cluster.wire({ to: 'b', type: 'append-request' }).length > 0) {
      most = Math.max(most, appendsTo(cluster, 'b').length);
      cluster.deliver({ to: 'b' });
      cluster.deliver({ from: 'b' });
    }
    expect(most).toBe(2);
    expect(cluster.log('b')).toHaveLength(51);
  });

  test('a slow peer does not hold up the others', () => {
    const cluster = new Cluster({ voters, config: { maxInflightAppends: 2 } });
    cluster.elect('a');
    for (let i = 0; i < 10; i++) {
      cluster.propose('a', `command ${i}`);
      cluster.settle({ from: 'a', to: 'c' });
      cluster.settle({ from: 'c' });
    }
    expect(appendsTo(cluster, 'b').length).toBeLessThanOrEqual(2);
    cluster.settle({ to: 'c' });
    cluster.settle({ from: 'c' });
    expect(cluster.commit('a')).toBe(11);
  });
});

describe('batches', () => {
  test('what gathered behind a full pipeline leaves in one append', () => {
    const cluster = new Cluster({ voters, config: { maxInflightAppends: 1 } });
    cluster.elect('a');
    for (let i = 0; i < 10; i++) cluster.propose('a', `command ${i}`);
    cluster.deliver({ to: 'b' });
    cluster.deliver({ from: 'b' });
    expect(appendsTo(cluster, 'b').map(({ entries }) => entries.length)).toEqual([9]);
  });

  test('an append stays within its bytes', () => {
    const cluster = new Cluster({ voters, config: { maxAppendBytes: 300 } });
    cluster.elect('a');
    cluster.propose('a', ...Array.from({ length: 10 }, () => new Uint8Array(100)));
    expect(appendsTo(cluster, 'b').map(({ entries }) => entries.length)).toEqual([2, 2, 2, 2, 2]);
  });

  test('one entry larger than an append travels alone', () => {
    const cluster = new Cluster({ voters, config: { maxAppendBytes: 300 } });
    cluster.elect('a');
    cluster.propose('a', new Uint8Array(10), new Uint8Array(5_000), new Uint8Array(10));
    expect(appendsTo(cluster, 'b').map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
    cluster.settle();
    expect(cluster.commit('b')).toBe(4);
  });
});

describe('a probe', () => {
  test('is one append at a time, whatever is proposed meanwhile', () => {
    const cluster = new Cluster({ voters });
    cluster.campaign('a');
    for (let i = 0; i < 5; i++) cluster.propose('a', `command ${i}`);
    expect(appendsTo(cluster, 'b')).toHaveLength(1);
  });

  test('is tried again with each answered heartbeat', () => {
    const cluster = new Cluster({ voters });
    cluster.campaign('a');
    cluster.drop();
    cluster.propose('a', 'x');
    expect(appendsTo(cluster, 'b')).toEqual([]);
    cluster.hear(heartbeatAnswer({ from: 'b', to: 'a', term: 1 }));
    expect(appendsTo(cluster, 'b').map(({ entries }) => entries.length)).toEqual([2]);
  });
});

describe('a pipeline', () => {
  test('with everything acknowledged is idle: heartbeats carry no appends', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.hear(heartbeatAnswer({ from: 'b', to: 'a', term: 1 }));
    expect(appendsTo(cluster, 'b')).toEqual([]);
  });

  test('that lost its tail is found out by an empty append behind it', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.drop({ to: 'b' });
    cluster.hear(heartbeatAnswer({ from: 'b', to: 'a', term: 1 }));
    expect(appendsTo(cluster, 'b')).toMatchObject([{ prevLogIndex: 2, entries: [] }]);
    cluster.settle();
    expect(cluster.log('b')).toEqual([1, 1]);
  });

  test('takes no notice of answers from nodes it does not know', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.hear(accepted({ from: 'x', to: 'a', term: 1, match: 1 }));
    cluster.hear(heartbeatAnswer({ from: 'x', to: 'a', term: 1 }));
    expect(cluster.leading('a').progress.size).toBe(2);
  });
});
