import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';
import { heartbeatAnswer, readRequest, told } from './messages.ts';

const voters = ['a', 'b', 'c'];

function read(cluster: Cluster, name: string, context: number): void {
  cluster.step(name, { type: 'read', context, trust: 'quorum' });
}

describe('a linearizable read (thesis §6.4)', () => {
  test('on the leader: released once a quorum has answered a heartbeat that came after it', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    read(cluster, 'a', 1);
    expect(cluster.reads('a')).toEqual([]);
    cluster.settle();
    expect(cluster.reads('a')).toEqual([{ context: 1, index: 1 }]);
  });

  test('on a follower: with the commit index of the leader, not its own', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.settle({ to: 'b' });
    cluster.settle({ from: 'b', to: 'a' });
    cluster.drop();
    expect([cluster.commit('a'), cluster.commit('c')]).toEqual([2, 1]);
    read(cluster, 'c', 1);
    cluster.settle();
    expect(cluster.reads('c')).toEqual([{ context: 1, index: 2 }]);
  });

  test('on a learner', () => {
    const cluster = new Cluster({ voters, learners: ['l'] });
    cluster.elect('a');
    read(cluster, 'l', 1);
    cluster.settle();
    expect(cluster.reads('l')).toEqual([{ context: 1, index: 1 }]);
  });

  test('on a node alone: at once', () => {
    const cluster = new Cluster({ voters: ['a'] });
    cluster.elect('a');
    read(cluster, 'a', 1);
    expect(cluster.reads('a')).toEqual([{ context: 1, index: 1 }]);
  });

  test('where no leader is known: refused at once', () => {
    const cluster = new Cluster({ voters });
    read(cluster, 'a', 1);
    cluster.tick('b');
    read(cluster, 'b', 2);
    expect(cluster.reads('a')).toEqual([{ context: 1, index: undefined }]);
    expect(cluster.reads('b')).toEqual([{ context: 2, index: undefined }]);
  });

  test('asked of somebody who does not lead: refused', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    const answers = cluster.hear(readRequest({ from: 'c', to: 'b', term: 1, context: 5 }));
    expect(answers.map(told)).toEqual(['b→c read-response t1 5: refused']);
  });

  test('beyond the bound: refused, and the earlier ones are served', () => {
    const cluster = new Cluster({ voters, config: { maxPendingReads: 2 } });
    cluster.elect('a');
    for (const context of [1, 2, 3]) read(cluster, 'a', context);
    expect(cluster.reads('a')).toEqual([{ context: 3, index: undefined }]);
    cluster.settle();
    expect(cluster.reads('a').slice(1)).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });
});

describe('before the first commit of the term a read would be stale', () => {
  test('the leader refuses until its own no-op is committed', () => {
    const cluster = new Cluster({ voters, logs: { a: [1], b: [1], c: [1] } });
    cluster.campaign('a');
    read(cluster, 'a', 1);
    expect(cluster.reads('a')).toEqual([{ context: 1, index: undefined }]);
    cluster.settle();
    read(cluster, 'a', 2);
    cluster.settle();
    expect(cluster.reads('a')[1]).toEqual({ context: 2, index: 2 });
  });

  test('what the earlier leader acknowledged is in what the later serves', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.deliver({ to: 'b' });
    cluster.deliver({ from: 'b' });
    expect(cluster.applied('a')).toEqual([1, 2]);
    cluster.drop();
    cluster.crash('a');
    cluster.campaign('b');
    expect(cluster.commit('b')).toBe(1);
    read(cluster, 'b', 1);
    expect(cluster.reads('b')).toEqual([{ context: 1, index: undefined }]);
  });
});

describe('a round confirms only the reads that came before it', () => {
  test('an answer to an earlier heartbeat does not', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.tick('a');
    cluster.deliver({ type: 'heartbeat' });
    read(cluster, 'a', 1);
    cluster.deliver({ type: 'heartbeat-response' });
    expect(cluster.reads('a')).toEqual([]);
    cluster.settle();
    expect(cluster.reads('a')).toHaveLength(1);
  });

  test('the same answer twice is one answer', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] });
    cluster.elect('a');
    read(cluster, 'a', 1);
    cluster.drop();
    const answer = heartbeatAnswer({ from: 'b', to: 'a', term: 1, round: 1 });
    for (let i = 0; i < 3; i++) cluster.hear(answer);
    expect(cluster.reads('a')).toEqual([]);
    cluster.hear(heartbeatAnswer({ from: 'c', to: 'a', term: 1, round: 1 }));
    expect(cluster.reads('a')).toHaveLength(1);
  });

  test('learners confirm nothing', () => {
    const cluster = new Cluster({ voters, learners: ['l', 'm'] });
    cluster.elect('a');
    cluster.partition(['a', 'l', 'm'], ['b', 'c']);
    read(cluster, 'a', 1);
    cluster.settle();
    expect(cluster.reads('a')).toEqual([]);
  });

  test('a later round serves the reads of the earlier ones too', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    for (const context of [1, 2, 3]) read(cluster, 'a', context);
    cluster.drop();
    cluster.hear(heartbeatAnswer({ from: 'c', to: 'a', term: 1, round: 3 }));
    expect(cluster.reads('a').map(({ context }) => context)).toEqual([1, 2, 3]);
  });

  test('a lost heartbeat is made good by the next', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    read(cluster, 'a', 1);
    cluster.drop();
    cluster.run(150);
    expect(cluster.reads('a')).toEqual([{ context: 1, index: 1 }]);
  });
});

describe('a leader that was replaced serves no read', () => {
  test('cut off, it never gets the quorum for one', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.partition(['a'], ['b', 'c']);
    cluster.wait(1_500);
    read(cluster, 'a', 1);
    cluster.elect('b');
    cluster.propose('b', 'x');
    cluster.settle();
    expect(cluster.reads('a')).toEqual([]);
    cluster.run(2_500);
    expect(cluster.reads('a')).toEqual([{ context: 1, index: undefined }]);
  });

  test('healed, it learns of the newer term from the answers and refuses', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    cluster.partition(['a'], ['b', 'c']);
    cluster.wait(1_500);
    cluster.elect('b');
    cluster.heal();
    read(cluster, 'a', 1);
    cluster.settle();
    expect(cluster.reads('a')).toEqual([{ context: 1, index: undefined }]);
  });

  test('whoever asked over a link that has closed is not answered in its next life', () => {
    const cluster = new Cluster({ voters });
    cluster.elect('a');
    read(cluster, 'c', 1);
    cluster.deliver({ type: 'read-request' });
    cluster.step('a', { type: 'link-closed', peer: nodeId('c') });
    cluster.restart('c');
    cluster.settle();
    expect(cluster.reads('c')).toEqual([]);
  });
});
