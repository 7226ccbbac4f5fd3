import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';

const CONFIG = { leaseReads: true, clockDriftPercent: 10 };

function leading(config: object = CONFIG): Cluster {
  const cluster = new Cluster({ voters: ['a', 'b', 'c'], config });
  cluster.elect('a');
  cluster.run(300);
  return cluster;
}

/** Whether `a` answers a lease read at once, without asking anybody. */
function isServed(cluster: Cluster): boolean {
  const { reads } = cluster.step('a', { type: 'read', context: 7, trust: 'lease' });
  return reads.some(({ index }) => index !== undefined);
}

describe('a lease read', () => {
  test('is answered at once while a quorum has promised not to vote', () => {
    expect(isServed(leading())).toBe(true);
  });

  test('asks a quorum like any other where leases are off', () => {
    const cluster = leading({});
    expect(isServed(cluster)).toBe(false);
    cluster.settle();
    expect(cluster.reads('a')).toHaveLength(1);
  });

  test('ends before the promise does, by the margin for drift', () => {
    const cluster = leading();
    cluster.partition(['a'], ['b', 'c']);
    const { electionTimeoutMinMs } = cluster.core('a').config;
    cluster.wait(0.8 * electionTimeoutMinMs - 100);
    expect(isServed(cluster)).toBe(true);
    cluster.wait(0.1 * electionTimeoutMinMs + 100);
    expect(isServed(cluster)).toBe(false);
  });

  test('is counted from when the heartbeat left, not from when its answer came', () => {
    const cluster = leading();
    cluster.tick('a');
    const { electionTimeoutMinMs } = cluster.core('a').config;
    cluster.deliver({ type: 'heartbeat' });
    cluster.wait(0.95 * electionTimeoutMinMs);
    cluster.deliver({ type: 'heartbeat-response' });
    expect(isServed(cluster)).toBe(false);
  });

  test('is none during a hand-over, nor ever after one in that term', () => {
    const cluster = leading();
    cluster.step('a', { type: 'transfer', target: nodeId('b') });
    cluster.drop({ type: 'timeout-now' });
    expect(isServed(cluster)).toBe(false);
    cluster.run(3_000);
    expect(cluster.role('a')).toBe('leader');
    expect(isServed(cluster)).toBe(false);
  });

  test('is none before the term has committed', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: CONFIG });
    cluster.campaign('a');
    expect(isServed(cluster)).toBe(false);
  });
});

test('a promise outlives the term in which it was given: whatever brings a newer one, no rival is elected', () => {
  const cluster = new Cluster({ voters: ['a', 'b', 'c'], config: CONFIG });
  cluster.elect('a');
  cluster.run(300);
  cluster.partition(['a'], ['b', 'c']);
  const [first, second] = cluster.deadline('b') < cluster.deadline('c') ? ['b', 'c'] : ['c', 'b'];
  cluster.holdDisk(second);
  cluster.tick(first);
  cluster.tick(second);
  cluster.deliver({ to: first, type: 'pre-vote-request' });
  cluster.deliver({ to: second, type: 'pre-vote-response' });
  cluster.deliver({ to: second, type: 'pre-vote-request' });
  cluster.heal();
  cluster.mute('a', second);
  cluster.mute(second, 'a');
  cluster.tick('a');
  cluster.settle({ from: 'a', to: first });
  cluster.settle({ from: first, to: 'a' });
  expect(isServed(cluster)).toBe(true);
  cluster.partition(['a'], ['b', 'c']);
  cluster.wait(100);
  cluster.releaseDisk(second);
  cluster.settle();
  expect(cluster.role(second)).not.toBe('leader');
  expect(cluster.role('a')).toBe('leader');
});

describe('where leases are on', () => {
  test('a closed link is no reason to stand early: the leader may live and serve', () => {
    const cluster = leading();
    cluster.closeLink('a', 'b');
    const { electionTimeoutMinMs } = cluster.core('b').config;
    expect(cluster.deadline('b')).toBeGreaterThan(cluster.now + electionTimeoutMinMs / 2);
  });

  test('a restarted node votes for nobody before the promise it may have given is over', () => {
    const cluster = leading();
    cluster.partition(['a'], ['b', 'c']);
    cluster.restart('c');
    const request = {
      type: 'vote-request',
      from: nodeId('b'),
      to: nodeId('c'),
      term: cluster.core('b').term,
      lastLogIndex: cluster.core('b').log.lastIndex,
      lastLogTerm: cluster.core('b').log.lastTerm,
      transfer: false,
    } as const;
    const later = { ...request, term: (request.term + 1) as typeof request.term };
    expect(cluster.hear(later)).toEqual([]);
    const sameTerm = { ...request, term: cluster.core('c').term };
    expect(cluster.hear(sameTerm)).toMatchObject([{ type: 'vote-response', granted: false }]);
    cluster.wait(cluster.core('c').config.electionTimeoutMinMs);
    expect(cluster.hear(later)).toMatchObject([{ type: 'vote-response', granted: true }]);
  });
});
