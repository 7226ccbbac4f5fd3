import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { type NodeId, nodeId } from '../../../src/protocol/ids.ts';
import { configuration } from '../../../src/protocol/state.ts';
import { type MembershipChange, nextConfiguration } from '../../../src/raft/membership.ts';
import { carryOut } from '../../../src/siblings/quorum-manager/carry-out.ts';
import type { Observation } from '../../../src/siblings/quorum-manager/observation.ts';
import { plan } from '../../../src/siblings/quorum-manager/plan.ts';
import type { Policy } from '../../../src/siblings/quorum-manager/policy.ts';
import { HOUR, leader, learner, policy, silent, voter } from './members.ts';

type Means = Parameters<typeof carryOut>[1];

/** A swarm that does as it is told, and of which the test says what happens after each change. */
class World {
  members: readonly Observation[];
  readonly changes: string[] = [];
  leads = true;
  decides = true;
  afterChange: () => unknown = () => undefined;

  constructor(...members: readonly Observation[]) {
    this.members = members;
  }

  planned(more: Partial<Policy> = {}) {
    return plan(this.members, policy(more));
  }

  /** From now on it is like this. */
  turn(id: string, more: Partial<Observation>): void {
    this.members = this.members.map((one) => (one.id === id ? { ...one, ...more } : one));
  }

  remove(id: string): void {
    this.members = this.members.filter((one) => one.id !== id);
  }

  get voters(): string {
    return this.#of(true).join(' ');
  }

  get means(): Means {
    const id = this.members.find(({ isLeader }) => isLeader)?.id ?? nodeId('a');
    return {
      trialMs: 0,
      look: () => (this.leads ? this.members : []),
      host: {
        id,
        status: () => this.#status(),
        readBarrier: async () => {
          if (!this.decides) throw new SwarmError('NO_QUORUM', 'nobody answers');
        },
        changeMembership: async (changes: readonly MembershipChange[]) => this.#change(changes),
        execute: async () => undefined,
        machine: { records: new Map() },
      } as unknown as Means['host'],
    };
  }

  #of(votes: boolean): readonly NodeId[] {
    return this.members.filter((one) => one.voter === votes).map(({ id }) => id);
  }

  #status() {
    const role = this.leads ? 'leader' : 'follower';
    return { role, configuration: configuration(this.#of(true), this.#of(false)) };
  }

  #change(changes: readonly MembershipChange[]) {
    if (!this.leads) throw new SwarmError('NOT_LEADER', 'somebody else leads');
    this.changes.push(changes.map(({ id, type }) => `${type === 'add-voter' ? '+' : '-'}${id}`).join(' '));
    const next = nextConfiguration(this.#status().configuration, changes);
    if (next instanceof Error) throw next;
    for (const one of this.members) this.turn(one.id, { voter: next.voters.includes(one.id) });
    this.afterChange();
    return this.#status().configuration;
  }
}

const five = { voters: 5, survive: 2 } as const;

const outcomeOf = (world: World, made = world.planned()) => carryOut(made, world.means);

/** Two steps: a replacement, and two more. */
const growing = (): World =>
  new World(leader('a'), voter('b'), voter('c', silent(HOUR)), learner('d'), learner('e'), learner('f'));

describe('carrying out a plan', () => {
  test('takes one step after the other', async () => {
    const world = growing();
    expect(await outcomeOf(world, world.planned(five))).toMatchObject({ steps: 2, learners: ['c'] });
    expect(world.changes).toEqual(['+d -c', '+e +f']);
  });

  test('does not mind that a session has come since, which only learns', async () => {
    const world = growing();
    const made = world.planned(five);
    world.members = [...world.members, learner('session', { transient: true })];
    expect(await outcomeOf(world, made)).toMatchObject({ steps: 2 });
  });

  test('stops where somebody else has changed the voters between two steps', async () => {
    const world = growing();
    const made = world.planned(five);
    const { means } = world;
    const readBarrier = async (): Promise<void> => world.turn('b', { voter: false });
    await expect(carryOut(made, { ...means, host: { ...means.host, readBarrier } })).rejects.toMatchObject({
      code: 'STALE_VERSION',
      message: expect.stringMatching(/^step 2 of 2 .* was made for voters a, b, d; now a, d vote/),
    });
    expect(world.changes).toEqual(['+d -c']);
  });

  test('puts back what was before when new voters do not keep up once they vote', async () => {
    const world = new World(leader('a'), voter('b'), voter('c'), learner('d'), learner('e'));
    world.afterChange = () => ['d', 'e'].map((id) => world.turn(id, { keepsUp: false }));
    await expect(outcomeOf(world, world.planned(five))).rejects.toMatchObject({
      code: 'UNSAFE_CHANGE',
      message: expect.stringContaining('d, e cannot be reached, or does not keep up; a, b, c vote again'),
    });
    expect(world.changes).toEqual(['+d +e', '-d -e']);
  });

  test('does not put a dead voter back in the place of one that is slow: that could be the end of the quorum', async () => {
    const world = new World(leader('a'), voter('b'), voter('c', silent(HOUR)), learner('d'));
    world.afterChange = () => [world.turn('d', { keepsUp: false }), world.turn('b', silent(2_000))];
    await expect(outcomeOf(world)).rejects.toMatchObject({
      code: 'UNSAFE_CHANGE',
      message: expect.stringContaining('it stays so'),
    });
    expect(world.changes).toEqual(['+d -c']);
  });

  test('nor somebody who was removed meanwhile', async () => {
    const hosts = [leader('a', { domain: 'x' }), voter('b', { domain: 'x' }), voter('c', { domain: 'y' })];
    const world = new World(...hosts, learner('d', { domain: 'z' }));
    world.afterChange = () => [world.turn('d', { keepsUp: false }), world.remove('b')];
    await expect(outcomeOf(world)).rejects.toMatchObject({ code: 'UNSAFE_CHANGE' });
    expect(world.changes).toEqual(['+d -b']);
  });

  test('takes nothing back that somebody else has changed since', async () => {
    const world = new World(leader('a'), voter('b'), voter('c'), learner('d'), learner('e'));
    world.afterChange = () => [world.turn('d', { keepsUp: false }), world.turn('e', { voter: false })];
    await expect(outcomeOf(world, world.planned(five))).rejects.toMatchObject({
      code: 'STALE_VERSION',
      message: expect.stringContaining('somebody let others vote: a, b, c, d. Plan again'),
    });
    expect(world.changes).toEqual(['+d +e']);
  });

  test('does not take the vote of whoever leads by now', async () => {
    const world = new World(leader('a'), ...['b', 'c', 'd', 'e'].map((id) => voter(id)));
    const made = world.planned();
    world.turn('a', { isLeader: false });
    world.turn('e', { isLeader: true });
    await expect(outcomeOf(world, made)).rejects.toMatchObject({
      code: 'STALE_VERSION',
      message: expect.stringContaining('takes the vote of e, which leads by now'),
    });
    expect(world.changes).toEqual([]);
  });

  test.each([
    {
      why: 'before the first step: nothing was done, and whoever leads may be asked',
      after: 0,
      code: 'NOT_LEADER',
    },
    { why: 'after it', after: 1, code: 'OUTCOME_UNKNOWN' },
  ])('says what is so when leadership is lost $why', async ({ after, code }) => {
    const world = growing();
    const made = world.planned(five);
    const { means } = world;
    const readBarrier = async (): Promise<void> => {
      world.leads = false;
    };
    world.leads = after > 0;
    await expect(carryOut(made, { ...means, host: { ...means.host, readBarrier } })).rejects.toMatchObject({
      code,
    });
    expect(world.changes).toHaveLength(after);
  });

  test.each([
    { why: 'more voters than there may be', ids: ['d', 'e', 'f', 'g', 'h'], says: '8 would vote' },
    { why: 'somebody who is no member', ids: ['stranger'], says: 'stranger cannot be reached' },
  ])('refuses a plan that was edited: $why', async ({ ids, says }) => {
    const learners = ['d', 'e', 'f', 'g', 'h'].map((id) => learner(id));
    const world = new World(leader('a'), voter('b'), voter('c'), ...learners);
    const changes = ids.map((id) => ({ type: 'add-voter', id: nodeId(id) }) as const);
    const edited = { ...world.planned(five), steps: [{ changes, voters: [], why: 'edited' }] };
    await expect(outcomeOf(world, edited)).rejects.toMatchObject({
      code: 'UNSAFE_CHANGE',
      message: expect.stringContaining(says),
    });
    expect(world.changes).toEqual([]);
  });
});
