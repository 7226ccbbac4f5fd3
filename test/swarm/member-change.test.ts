import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { type Configuration, configuration, isVoter, members } from '../../src/protocol/state.ts';
import type { Census, NodeJson } from '../../src/swarm/census.ts';
import { changesFor, checkDanger, type Wish } from '../../src/swarm/member-change.ts';

const ids = (text: string): NodeId[] => text.split(' ').filter((id) => id !== '') as NodeId[];

interface Swarm {
  readonly voters: string;
  readonly learners?: string;
  /** Known instances that are no members. */
  readonly outside?: string;
  readonly down?: string;
  /** Entries that a learner lacks. */
  readonly lag?: Readonly<Record<string, number>>;
}

function censusOf({ voters, learners = '', outside = '', down = '', lag = {} }: Swarm): Census {
  const config = configuration(ids(voters), ids(learners));
  const nodes = ids(`${voters} ${learners} ${outside}`).map((id) =>
    nodeOf(id, { config, isDown: ids(down).includes(id), lag: lag[id] ?? 0 }),
  );
  return {
    swarm: 'swarm',
    clusterId: 'cluster',
    coordinator: 'a',
    term: 1,
    elections: 1,
    quorum: true,
    configuration: config,
    nodes,
  };
}

function nodeOf(
  id: NodeId,
  { config, isDown, lag }: { readonly config: Configuration; readonly isDown: boolean; readonly lag: number },
): NodeJson {
  return {
    id,
    agent: 'agent',
    url: isDown ? null : 'ws://localhost:7101',
    pid: 1,
    host: 'localhost',
    role: isDown ? 'down' : 'follower',
    quarantined: null,
    voter: isVoter(config, id),
    member: members(config).includes(id),
    term: 1,
    commitIndex: 5_000,
    appliedIndex: 5_000 - lag,
    lag,
    lastContactMs: 10,
    progress: { mode: 'replicate', matchIndex: (5_000 - lag) as never, lag, inFlight: 0 },
    snapshotIndex: 0,
    firstIndex: 1,
    repairing: null,
  };
}

const told = (wish: Wish, swarm: Swarm): readonly string[] =>
  changesFor(wish, censusOf(swarm)).map(({ type, id }) => `${type} ${id}`);

describe('what a wish changes', () => {
  const swarm = { voters: 'a b', learners: 'c d', outside: 'x' };
  test.each<{ why: string; wish: Wish; changes: readonly string[] }>([
    { why: 'in again, as a learner', wish: { kind: 'add', ids: ['x'] }, changes: ['add-learner x'] },
    { why: 'a voter is not demoted by adding it', wish: { kind: 'add', ids: ['a', 'c'] }, changes: [] },
    {
      why: 'several in one step',
      wish: { kind: 'promote', ids: ['c', 'd'] },
      changes: ['add-voter c', 'add-voter d'],
    },
    {
      why: 'only those that are not so already',
      wish: { kind: 'promote', ids: ['a', 'c'] },
      changes: ['add-voter c'],
    },
    { why: 'a voter learns', wish: { kind: 'demote', ids: ['b'] }, changes: ['add-learner b'] },
    { why: 'a learner learns already', wish: { kind: 'demote', ids: ['c'] }, changes: [] },
    { why: 'out', wish: { kind: 'remove', ids: ['b', 'c'] }, changes: ['remove b', 'remove c'] },
    { why: 'out already', wish: { kind: 'remove', ids: ['x'] }, changes: [] },
    {
      why: 'a learner votes in the place of a voter',
      wish: { kind: 'replace', former: 'a', next: 'c' },
      changes: ['add-voter c', 'remove a'],
    },
    {
      why: 'in the place of a learner it learns',
      wish: { kind: 'replace', former: 'c', next: 'x' },
      changes: ['add-learner x', 'remove c'],
    },
    { why: 'it votes already', wish: { kind: 'replace', former: 'a', next: 'b' }, changes: ['remove a'] },
    { why: 'replaced already', wish: { kind: 'replace', former: 'x', next: 'b' }, changes: [] },
  ])('$why', ({ wish, changes }) => {
    expect(told(wish, swarm)).toEqual(changes);
  });

  test.each<{ why: string; wish: Wish; says: string }>([
    {
      why: 'nobody',
      wish: { kind: 'remove', ids: ['q'] },
      says: 'there is no node q; there are a, b, c, d, x',
    },
    { why: 'nobody comes', wish: { kind: 'replace', former: 'a', next: 'q' }, says: 'no node q' },
    { why: 'no member votes', wish: { kind: 'promote', ids: ['x'] }, says: 'members add x' },
    { why: 'no member learns', wish: { kind: 'demote', ids: ['x'] }, says: 'members add x' },
  ])('refused: $why', ({ wish, says }) => {
    expect(() => told(wish, swarm)).toThrow(says);
  });

  test('refused: no place to take', () => {
    const wish: Wish = { kind: 'replace', former: 'x', next: 'y' };
    expect(() => told(wish, { ...swarm, outside: 'x y' })).toThrow('x is no member now');
  });
});

describe('what a change endangers', () => {
  const danger = (wish: Wish, swarm: Swarm) => () => {
    const census = censusOf(swarm);
    checkDanger(changesFor(wish, census), census);
  };

  test.each<{ why: string; wish: Wish; swarm: Swarm }>([
    {
      why: 'two of three would be left, both up',
      wish: { kind: 'remove', ids: ['c'] },
      swarm: { voters: 'a b c', down: 'c' },
    },
    {
      why: 'a learner that is down does not count',
      wish: { kind: 'demote', ids: ['c'] },
      swarm: { voters: 'a b c', learners: 'd', down: 'd' },
    },
    {
      why: 'a learner that lacks a little',
      wish: { kind: 'promote', ids: ['b'] },
      swarm: { voters: 'a', learners: 'b', lag: { b: 1_000 } },
    },
  ])('nothing: $why', ({ wish, swarm }) => {
    expect(danger(wish, swarm)).not.toThrow();
  });

  test.each<{ why: string; wish: Wish; swarm: Swarm; code: string; says: string }>([
    {
      why: 'the one that is up leaves',
      wish: { kind: 'remove', ids: ['b'] },
      swarm: { voters: 'a b c', down: 'c' },
      code: 'UNSAFE_CHANGE',
      says: '2 voters would be left, of whom 2 must be up, and down are c',
    },
    {
      why: 'a learner far behind',
      wish: { kind: 'promote', ids: ['b'] },
      swarm: { voters: 'a', learners: 'b', lag: { b: 1_001 } },
      code: 'UNSAFE_CHANGE',
      says: 'b lags 1001 entries behind',
    },
    {
      why: 'a learner that is down',
      wish: { kind: 'replace', former: 'a', next: 'd' },
      swarm: { voters: 'a b c', learners: 'd', down: 'd' },
      code: 'UNSAFE_CHANGE',
      says: 'd is down',
    },
    {
      why: 'nobody would vote',
      wish: { kind: 'demote', ids: ['a'] },
      swarm: { voters: 'a', learners: 'b' },
      code: 'NO_VOTERS_LEFT',
      says: 'nothing could ever be decided',
    },
  ])('$why', ({ wish, swarm, code, says }) => {
    expect(danger(wish, swarm)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(says) }),
    );
  });

  test('not while another change is under way', () => {
    const census = censusOf({ voters: 'a b c' });
    const joint = { ...census, configuration: { ...census.configuration, votersOutgoing: ids('a b') } };
    expect(() => checkDanger([{ type: 'remove', id: 'c' as NodeId }], joint)).toThrow(
      expect.objectContaining({ code: 'CHANGE_IN_FLIGHT' }),
    );
  });
});
