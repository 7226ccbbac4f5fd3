import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { Cluster } from './cluster.ts';
import { heartbeatAnswer, timeoutNow, told } from './messages.ts';

const voters = ['a', 'b', 'c'];

function ledByA(options: Partial<ConstructorParameters<typeof Cluster>[0]> = {}): Cluster {
  const cluster = new Cluster({ voters, ...options });
  cluster.elect('a');
  cluster.run(100);
  return cluster;
}

function transfer(cluster: Cluster, target: string | undefined): void {
  cluster.step('a', { type: 'transfer', target: target === undefined ? undefined : nodeId(target) });
}

describe('a leader hands over (thesis §3.10)', () => {
  test('to a node that holds the whole log: at once, and that one leads in the next term', () => {
    const cluster = ledByA();
    transfer(cluster, 'b');
    expect(cluster.wire().map(told)).toEqual(['a→b timeout-now t1']);
    cluster.settle();
    expect(cluster.core('b')).toMatchObject({ term: 2, role: { kind: 'leader' } });
    expect(cluster.core('a').role).toMatchObject({ kind: 'follower', leaderId: 'b' });
    expect(cluster.transfers('a')).toEqual([{ kind: 'handed-over', target: 'b' }]);
  });

  test('without a rehearsal: neither pre-vote nor leader protection may defeat it', () => {
    const cluster = ledByA();
    transfer(cluster, 'b');
    cluster.deliver();
    expect(cluster.core('b')).toMatchObject({ term: 2, role: { kind: 'candidate' } });
    expect(cluster.wire({ type: 'pre-vote-request' })).toEqual([]);
    cluster.deliver({ to: 'c' });
    expect(cluster.wire({ from: 'c' }).map(told)).toEqual(['c→b vote-response t2 granted']);
  });

  test('to one that lags only after it has caught up', () => {
    const cluster = ledByA();
    cluster.propose('a', 'x');
    transfer(cluster, 'b');
    expect(cluster.wire({ type: 'timeout-now' })).toEqual([]);
    cluster.settle();
    expect(cluster.core('b')).toMatchObject({ term: 2, role: { kind: 'leader' } });
    expect(cluster.log('b')).toEqual([1, 1, 2]);
  });

  test('and takes no commands meanwhile, or the target would never catch up', () => {
    const cluster = ledByA();
    cluster.propose('a', 'x');
    transfer(cluster, 'b');
    expect(cluster.propose('a', 'y').proposal).toEqual({ kind: 'refused', code: 'TRANSFER_IN_PROGRESS' });
  });

  test('to whoever is asked for nobody in particular: the one furthest of those in reach', () => {
    const cluster = ledByA();
    cluster.partition(['a', 'c'], ['b']);
    cluster.propose('a', 'x');
    cluster.settle();
    transfer(cluster, undefined);
    expect(cluster.wire({ type: 'timeout-now' })).toMatchObject([{ to: 'c' }]);
  });

  test('rather to one in reach with a shorter log than to one that is gone', () => {
    const cluster = ledByA();
    cluster.crash('b');
    cluster.run(1_500);
    transfer(cluster, undefined);
    cluster.settle();
    expect(cluster.role('c')).toBe('leader');
  });

  test('to nobody who would not stand', () => {
    const cluster = ledByA({ configs: { b: { standing: 'never' } } });
    transfer(cluster, undefined);
    cluster.settle();
    expect(cluster.role('c')).toBe('leader');
  });

  test('rather to an eligible voter than to one of last resort', () => {
    const cluster = ledByA({ configs: { b: { standing: 'last-resort' } } });
    transfer(cluster, undefined);
    cluster.settle();
    expect(cluster.role('c')).toBe('leader');
  });
});

describe('a hand-over that is refused', () => {
  test.each([
    { why: 'to itself', target: 'a' },
    { why: 'to a learner', target: 'l' },
    { why: 'to a stranger', target: 'x' },
  ])('$why', ({ target }) => {
    const cluster = ledByA({ learners: ['l'] });
    transfer(cluster, target);
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'refused', code: 'TRANSFER_FAILED' }]);
    expect(cluster.propose('a', 'x').proposal).toMatchObject({ kind: 'appended' });
  });

  test('by a node alone: there is no other voter', () => {
    const cluster = new Cluster({ voters: ['a'], learners: ['l'] });
    cluster.elect('a');
    transfer(cluster, undefined);
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'refused', code: 'TRANSFER_FAILED' }]);
  });

  test('by whoever does not lead', () => {
    const cluster = ledByA();
    cluster.step('b', { type: 'transfer', target: nodeId('c') });
    expect(cluster.transfers('b')).toMatchObject([{ kind: 'refused', code: 'NOT_LEADER' }]);
  });
});

describe('a hand-over that fails leaves a leader that works', () => {
  test('the target does not catch up in time', () => {
    const cluster = ledByA();
    cluster.partition(['a', 'c'], ['b']);
    cluster.propose('a', 'x');
    transfer(cluster, 'b');
    cluster.run(2_000);
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'failed', code: 'TRANSFER_FAILED' }]);
    expect(cluster.propose('a', 'y').proposal).toMatchObject({ kind: 'appended' });
  });

  test('the target was told and does nothing', () => {
    const cluster = ledByA();
    transfer(cluster, 'b');
    cluster.drop({ type: 'timeout-now' });
    cluster.run(2_000);
    expect(cluster.role('a')).toBe('leader');
    expect(cluster.propose('a', 'y').proposal).toMatchObject({ kind: 'appended' });
  });

  test('the link to the target closes: at once', () => {
    const cluster = ledByA();
    cluster.propose('a', 'x');
    transfer(cluster, 'b');
    cluster.closeLink('a', 'b');
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'failed', code: 'TRANSFER_FAILED' }]);
    expect(cluster.propose('a', 'y').proposal).toMatchObject({ kind: 'appended' });
  });

  test('leadership is lost while the target catches up', () => {
    const cluster = ledByA();
    cluster.partition(['a'], ['b', 'c']);
    cluster.propose('a', 'x');
    cluster.run(1_900);
    transfer(cluster, 'b');
    cluster.run(200);
    expect(cluster.role('a')).not.toBe('leader');
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'failed', code: 'TRANSFER_FAILED' }]);
  });

  test('a second one waits for nobody: it is refused, and the first goes on', () => {
    const cluster = ledByA();
    cluster.propose('a', 'x');
    transfer(cluster, 'b');
    transfer(cluster, 'c');
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'refused' }]);
    cluster.settle();
    expect(cluster.role('b')).toBe('leader');
  });
});

describe('whoever is asked to take over', () => {
  test.each([
    { why: 'by somebody who is not its leader', from: 'c', term: 1 },
    { why: 'by a leader of an older term', from: 'a', term: 0 },
  ])('does nothing when asked $why', ({ from, term }) => {
    const cluster = ledByA();
    cluster.hear(timeoutNow({ from, to: 'b', term }));
    expect(cluster.core('b')).toMatchObject({ term: 1, role: { kind: 'follower' } });
  });

  test('does nothing as a learner', () => {
    const cluster = ledByA({ learners: ['l'] });
    cluster.hear(timeoutNow({ from: 'a', to: 'l', term: 1 }));
    expect(cluster.role('l')).toBe('follower');
  });

  test('falls back into line when it loses', () => {
    const cluster = ledByA();
    cluster.partition(['a'], ['b'], ['c']);
    cluster.hear(timeoutNow({ from: 'a', to: 'b', term: 1 }));
    cluster.run(2_000);
    expect(['follower', 'pre-candidate']).toContain(cluster.role('b'));
    cluster.heal();
    cluster.run(10_000);
    expect(voters.filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
  });
});

describe('a leader of last resort', () => {
  const configs = { a: { standing: 'last-resort' } } as const;

  test('hands over by itself once an eligible voter has caught up', () => {
    const cluster = new Cluster({ voters, configs });
    cluster.elect('a');
    cluster.run(3_000);
    expect(cluster.role('a')).toBe('follower');
    expect(['b', 'c'].filter((name) => cluster.role(name) === 'leader')).toHaveLength(1);
  });

  test('keeps leading while nobody better is there', () => {
    const cluster = new Cluster({
      voters,
      config: { standing: 'last-resort' },
    });
    cluster.elect('a');
    cluster.run(10_000);
    expect(cluster.core('a')).toMatchObject({ term: 1, role: { kind: 'leader' } });
  });

  test('does not hand over to a learner, however eligible', () => {
    const cluster = new Cluster({ voters: ['a'], learners: ['l'], configs });
    cluster.elect('a');
    cluster.run(10_000);
    expect(cluster.role('a')).toBe('leader');
    expect(cluster.propose('a', 'x').proposal).toMatchObject({ kind: 'appended' });
  });

  test('does not hand over to one that lags', () => {
    const cluster = new Cluster({ voters, configs });
    cluster.elect('a');
    cluster.partition(['a', 'b'], ['c']);
    cluster.wait(2_100);
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.drop();
    cluster.hear(heartbeatAnswer({ from: 'c', to: 'a', term: 1 }));
    expect(cluster.leading('a').transfer).toBe(undefined);
  });
});

describe('not to somebody who would have to resign or would not stand', () => {
  test('a voter of the outgoing half', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], strangers: ['d'] });
    cluster.elect('a');
    cluster.run(300);
    cluster.change('a', 'remove b', 'add-voter d');
    cluster.step('a', { type: 'transfer', target: nodeId('b') });
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'refused', code: 'TRANSFER_FAILED' }]);
  });

  test('a node that never stands', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'], configs: { b: { standing: 'never' } } });
    cluster.elect('a');
    cluster.run(300);
    cluster.step('a', { type: 'transfer', target: nodeId('b') });
    expect(cluster.transfers('a')).toMatchObject([{ kind: 'refused', code: 'TRANSFER_FAILED' }]);
  });
});
