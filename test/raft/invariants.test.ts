import { describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import type { Core, Leader } from '../../src/raft/core.ts';
import { checkDelta, checkState, type Sighting, sight } from '../../src/raft/invariants.ts';
import { Cluster } from './cluster.ts';

/** The checks must be able to fail: each row breaks one promise behind the core's back. */

function leadingThree(): Cluster {
  const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
  cluster.elect('a');
  cluster.propose('a', 'x');
  cluster.deliver({ to: 'b' });
  return cluster;
}

describe('checkState', () => {
  const B = nodeId('b');
  const rows: readonly { why: string; harm: (core: Core, leader: Leader) => void; message: RegExp }[] = [
    {
      why: 'a log of a later term than the node',
      harm: (core) => {
        core.term = term(0);
      },
      message: /ahead of the node/,
    },
    {
      why: 'a leader that voted for another',
      harm: (core) => {
        core.votedFor = B;
      },
      message: /leader a voted for b/,
    },
    {
      why: 'a leader without an entry of its term',
      harm: (core) => {
        core.term = term(2);
      },
      message: /no entry of its term/,
    },
    {
      why: 'a match at or above next',
      harm: (_, leader) =>
        leader.progress.set(B, {
          mode: 'probe',
          matchIndex: logIndex(2),
          nextIndex: logIndex(2),
          paused: false,
        }),
      message: /not below nextIndex/,
    },
    {
      why: 'a match beyond the log',
      harm: (_, leader) =>
        leader.progress.set(B, {
          mode: 'probe',
          matchIndex: logIndex(8),
          nextIndex: logIndex(9),
          paused: false,
        }),
      message: /beyond the log/,
    },
    {
      why: 'appends under way that do not ascend',
      harm: (_, leader) =>
        leader.progress.set(B, {
          mode: 'replicate',
          matchIndex: logIndex(1),
          nextIndex: logIndex(3),
          inflight: [
            { lastIndex: logIndex(2), bytes: 1 },
            { lastIndex: logIndex(2), bytes: 1 },
          ],
        }),
      message: /do not ascend/,
    },
    {
      why: 'a peer that is forgotten',
      harm: (_, leader) => leader.progress.delete(B),
      message: /lost sight of b/,
    },
    {
      why: 'bytes that were counted wrong',
      harm: (_, leader) => {
        leader.uncommittedBytes += 1;
      },
      message: /uncommitted bytes/,
    },
    {
      why: 'a commit that no quorum holds',
      harm: (core) => {
        core.log.commit(logIndex(2));
        core.out.committedFrom = logIndex(2);
      },
      message: /a quorum holds 1|uncommitted bytes/,
    },
    {
      why: 'a round that was never asked',
      harm: (_, leader) => {
        const b = leader.contacts.get(B);
        if (b !== undefined) b.answeredRound = 9;
      },
      message: /never asked/,
    },
    {
      why: 'entries that never went to the disk',
      harm: (core) => {
        core.durability.durableIndex = logIndex(1);
      },
      message: /never went to the disk/,
    },
    {
      why: 'a hand-over to itself',
      harm: (core, leader) => {
        leader.transfer = { target: core.id, deadline: 0, sent: false };
      },
      message: /to itself/,
    },
    {
      why: 'effects that were left behind',
      harm: (core) => {
        core.out.hardStateChanged = true;
      },
      message: /not taken/,
    },
  ];

  test.each(rows)('finds $why', ({ harm, message }) => {
    const cluster = leadingThree();
    const core = cluster.core('a');
    expect(() => checkState(core)).not.toThrow();
    harm(core, cluster.leading('a'));
    expect(() => checkState(core)).toThrow(message);
  });

  test('finds an own vote that is counted before it is durable', () => {
    const cluster = new Cluster({ voters: ['a', 'b', 'c'] });
    cluster.holdDisk('a');
    cluster.tick('a');
    cluster.settle();
    const { role } = cluster.core('a');
    expect(role.kind).toBe('candidate');
    if (role.kind === 'candidate') role.votes.set(nodeId('a'), true);
    expect(() => checkState(cluster.core('a'))).toThrow(/before it is durable/);
  });
});

describe('checkDelta', () => {
  const before: Sighting = {
    id: nodeId('a'),
    role: 'follower',
    term: term(3),
    votedFor: nodeId('b'),
    commitIndex: logIndex(2),
    lastIndex: logIndex(3),
    terms: [1, 2, 3].map(term),
    baseIndex: logIndex(0),
  };
  const leading: Sighting = { ...before, role: 'leader', votedFor: nodeId('a') };

  test.each([
    { why: 'a falling term', from: before, to: { ...before, term: term(2) }, message: /term fell/ },
    {
      why: 'a falling commit',
      from: before,
      to: { ...before, commitIndex: logIndex(1) },
      message: /commitIndex fell/,
    },
    {
      why: 'a second vote',
      from: before,
      to: { ...before, votedFor: nodeId('c') },
      message: /voted for b and for c/,
    },
    {
      why: 'a vote taken back',
      from: before,
      to: { ...before, votedFor: undefined },
      message: /voted for b/,
    },
    {
      why: 'a committed entry replaced',
      from: before,
      to: { ...before, terms: [1, 3, 3].map(term) },
      message: /changed after/,
    },
    {
      why: 'a committed entry gone',
      from: before,
      to: { ...before, terms: [1].map(term) },
      message: /changed after/,
    },
    {
      why: 'a leader that cut its log',
      from: leading,
      to: { ...leading, terms: [1, 2].map(term) },
      message: /its own log/,
    },
    {
      why: 'a leader out of nowhere',
      from: before,
      to: { ...before, role: 'leader' as const },
      message: /without an election/,
    },
    {
      why: 'a leader of a term it never stood in',
      from: leading,
      to: { ...leading, term: term(4) },
      message: /without having stood/,
    },
    { why: 'another node', from: before, to: { ...before, id: nodeId('b') }, message: /compared a with b/ },
  ])('finds $why', ({ from, to, message }) => {
    expect(() => checkDelta(from, to)).toThrow(message);
  });

  test.each([
    { why: 'nothing changed', to: before },
    { why: 'a new term frees the vote', to: { ...before, term: term(4), votedFor: undefined } },
    {
      why: 'what is not committed may be replaced',
      to: { ...before, term: term(4), terms: [1, 2, 4].map(term) },
    },
    {
      why: 'what is committed went into a snapshot',
      to: { ...before, baseIndex: logIndex(2), terms: [3].map(term) },
    },
    {
      why: 'a snapshot took the place of the whole log',
      to: { ...before, commitIndex: logIndex(9), lastIndex: logIndex(9), baseIndex: logIndex(9), terms: [] },
    },
    { why: 'commit moves on', to: { ...before, commitIndex: logIndex(3) } },
  ])('allows: $why', ({ to }) => {
    expect(() => checkDelta(before, to)).not.toThrow();
  });

  test('is taken from a core', () => {
    const cluster = leadingThree();
    expect(sight(cluster.core('a'))).toEqual({
      id: 'a',
      role: 'leader',
      term: 1,
      votedFor: 'a',
      commitIndex: 1,
      lastIndex: 2,
      terms: [1, 1],
      baseIndex: 0,
    });
  });
});
