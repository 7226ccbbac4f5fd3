import { describe, expect, test } from 'vitest';
import type { Observation } from '../../../src/siblings/quorum-manager/observation.ts';
import { plan } from '../../../src/siblings/quorum-manager/plan.ts';
import { type Policy, STRATEGIES } from '../../../src/siblings/quorum-manager/policy.ts';
import { HOUR, leader, learner, policy, silent, voter } from './members.ts';

interface Row {
  readonly why: string;
  readonly members: readonly Observation[];
  readonly policy?: Partial<Policy>;
  /** Sorted. */
  readonly voters: string;
  /** `+` promotes, `-` demotes. */
  readonly steps: readonly string[];
}

const five = { voters: 5, survive: 2 } as const;

const rows: readonly Row[] = [
  {
    why: 'all is well',
    members: [leader('a'), voter('b'), voter('c'), learner('d')],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'a dead voter, and somebody who can take its place',
    members: [leader('a'), voter('b'), voter('c', silent(HOUR)), learner('d')],
    voters: 'a b d',
    steps: ['+d -c'],
  },
  {
    why: 'a voter that may be restarting: its place is kept',
    members: [leader('a'), voter('b'), voter('c', silent(60_000)), learner('d')],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'a dead voter, and nobody to take its place: two bear no more losses than three of which one is dead',
    members: [leader('a'), voter('b'), voter('c', silent(HOUR))],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'two dead of five, and nobody else: the three that are left bear one loss, the five none',
    members: [leader('a'), voter('b'), voter('c'), voter('d', silent(HOUR)), voter('e', silent(HOUR))],
    policy: five,
    voters: 'a b c',
    steps: ['-d -e'],
  },
  {
    why: 'one dead of five, and nobody else: three would bear no more than the five do',
    members: [leader('a'), voter('b'), voter('c'), voter('d'), voter('e', silent(HOUR))],
    policy: five,
    voters: 'a b c d e',
    steps: [],
  },
  {
    why: 'a majority is gone: of the nodes that are up alone nobody makes a quorum',
    members: [leader('a'), learner('d'), voter('b', silent(HOUR)), voter('c', silent(HOUR))],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'more are wanted, and two are there: both at once, so that the number stays odd',
    members: [leader('a'), voter('b'), voter('c'), learner('d'), learner('e')],
    policy: five,
    voters: 'a b c d e',
    steps: ['+d +e'],
  },
  {
    why: 'more are wanted, and one is there: four bear no more than three',
    members: [leader('a'), voter('b'), voter('c'), learner('d')],
    policy: five,
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'two voters become three',
    members: [leader('a'), voter('b'), learner('d')],
    voters: 'a b d',
    steps: ['+d'],
  },
  {
    why: 'a voter alone, and one learner: two do not survive the loss of one',
    members: [leader('a'), learner('b')],
    voters: 'a',
    steps: [],
  },
  {
    why: 'fewer are wanted: not the leader, and first whoever is missed',
    members: [leader('a'), voter('b'), voter('c', silent(1_000)), voter('d'), voter('e')],
    voters: 'a b d',
    steps: ['-c -e'],
  },
  {
    why: 'fewer are wanted than the losses allow that are borne now',
    members: [leader('a'), voter('b'), voter('c'), voter('d'), voter('e')],
    policy: { voters: 3, survive: 2 },
    voters: 'a b c d e',
    steps: [],
  },
  {
    why: 'whoever comes and goes with a session is not chosen',
    members: [leader('a'), voter('b'), voter('c', silent(HOUR)), learner('d', { transient: true })],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'nor whoever has not caught up',
    members: [
      leader('a'),
      voter('b'),
      voter('c', silent(HOUR)),
      learner('d', { keepsUp: false, lag: 9_999 }),
    ],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'nor whoever has not been there for long enough',
    members: [leader('a'), voter('b'), voter('c', silent(HOUR)), learner('d', { steadyMs: 29_999 })],
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'two of three on one host: one of them gives its place to a learner on another host',
    members: [
      leader('a', { domain: 'x' }),
      voter('b', { domain: 'x' }),
      voter('c', { domain: 'y' }),
      learner('d', { domain: 'z' }),
    ],
    policy: { strategy: 'fault-tolerance' },
    voters: 'a c d',
    steps: ['+d -b'],
  },
  {
    why: 'a replacement comes from a host where nobody votes yet',
    members: [
      leader('a', { domain: 'x' }),
      voter('b', { domain: 'y' }),
      voter('c', { domain: 'z', ...silent(HOUR) }),
      learner('d', { domain: 'x' }),
      learner('e', { domain: 'y' }),
      learner('f', { domain: 'z' }),
    ],
    voters: 'a b f',
    steps: ['+f -c'],
  },
  {
    why: 'for performance, the faster disk',
    members: [
      leader('a'),
      voter('b'),
      voter('c', silent(HOUR)),
      learner('d', { writeMs: 40 }),
      learner('e', { writeMs: 1 }),
    ],
    policy: { strategy: 'performance' },
    voters: 'a b e',
    steps: ['+e -c'],
  },
  {
    why: 'for the network, the shorter link and the one that holds',
    members: [
      leader('a'),
      voter('b'),
      voter('c', silent(HOUR)),
      learner('d', { roundTripMs: 1, flaps: 4 }),
      learner('e', { roundTripMs: 60 }),
      learner('f', { roundTripMs: 5 }),
    ],
    policy: { strategy: 'network' },
    voters: 'a b f',
    steps: ['+f -c'],
  },
  {
    why: 'a little better is no reason to move anybody',
    members: [leader('a'), voter('b', { writeMs: 3 }), voter('c'), learner('d', { writeMs: 1 })],
    policy: { strategy: 'performance' },
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'a faster disk is no reason to put the majority on one host',
    members: [
      leader('a', { domain: 'x' }),
      voter('b', { domain: 'y', writeMs: 40 }),
      voter('c', { domain: 'z' }),
      learner('d', { domain: 'x', writeMs: 1 }),
    ],
    policy: { strategy: 'performance' },
    voters: 'a b c',
    steps: [],
  },
  {
    why: 'fewer are wanted: those stay that no two hosts have in common, though others are faster',
    members: [
      leader('a', { domain: 'x' }),
      voter('b', { domain: 'y', writeMs: 40 }),
      voter('c', { domain: 'z', writeMs: 40 }),
      ...[voter('d', { domain: 'x', writeMs: 1 }), voter('e', { domain: 'y', writeMs: 1 })],
    ],
    policy: { strategy: 'performance' },
    voters: 'a c e',
    steps: ['-b -d'],
  },
  {
    why: 'a dead voter is replaced by whoever there is, also where that spreads nothing',
    members: [
      leader('a', { domain: 'x' }),
      voter('b', { domain: 'x' }),
      voter('c', { domain: 'y', ...silent(HOUR) }),
      learner('d', { domain: 'x' }),
    ],
    policy: { strategy: 'performance' },
    voters: 'a b d',
    steps: ['+d -c'],
  },
  {
    why: 'more are wanted and all of them are on one host: it bears more losses of members, and says what of hosts',
    members: [
      ...[leader('a', { domain: 'x' }), voter('b', { domain: 'y' }), voter('c', { domain: 'z' })],
      ...[learner('d', { domain: 'x' }), learner('e', { domain: 'x' })],
    ],
    policy: five,
    voters: 'a b c d e',
    steps: ['+d +e'],
  },
  {
    why: 'whoever never stands for election votes only where nobody else can',
    members: [
      ...[leader('a'), voter('b', { standing: 'never' }), voter('c', silent(HOUR))],
      ...[
        learner('d', { standing: 'never', writeMs: 1 }),
        learner('e', { standing: 'last-resort', writeMs: 40 }),
      ],
    ],
    policy: { strategy: 'performance' },
    voters: 'a b e',
    steps: ['+e -c'],
  },
  {
    why: 'a dead voter and more wanted: first the replacement, which makes the swarm stronger at once',
    members: [
      ...[leader('a'), voter('b'), voter('c', silent(HOUR))],
      ...[learner('d'), learner('e'), learner('f')],
    ],
    policy: five,
    voters: 'a b d e f',
    steps: ['+d -c', '+e +f'],
  },
  {
    why: 'seven are the most there may be',
    members: [leader('a'), ...[...'bcdefghij'].map((id) => learner(id))],
    policy: { voters: 7, survive: 3 },
    voters: 'a b c d e f g',
    steps: ['+b +c', '+d +e', '+f +g'],
  },
];

describe('a plan', () => {
  test.each(rows)('$why', ({ members, policy: more = {}, steps, voters }) => {
    const made = plan(members, policy(more));
    expect([...made.recommendedVoters].sort().join(' ')).toBe(voters);
    const told = made.steps.map(({ changes }) => {
      return changes.map(({ id, type }) => (type === 'add-voter' ? `+${id}` : `-${id}`)).join(' ');
    });
    expect(told).toEqual(steps);
    expect([...made.recommendedVoters, ...made.learners].sort()).toEqual(members.map(({ id }) => id).sort());
    expect(made.reasoning.length).toBeGreaterThan(0);
    expect(made.madeFor.voters).toEqual(members.filter((one) => one.voter).map(({ id }) => id));
  });

  test.each(STRATEGIES)('lets few of fifty vote, and all others learn: %s', (strategy) => {
    const others = Array.from({ length: 49 }, (_, at) => learner(`n${at}`, { domain: `host-${at % 9}` }));
    const made = plan([leader('a'), ...others], policy({ strategy, voters: 7, survive: 3 }));
    expect(made.recommendedVoters).toHaveLength(7);
    expect(made.learners).toHaveLength(43);
    expect(made.expectedImpact.survives.after).toBe(3);
  });

  test('says what it would be worth', () => {
    const members = [
      leader('a'),
      voter('b', { roundTripMs: 4, writeMs: 6 }),
      voter('c', silent(HOUR)),
      learner('d'),
    ];
    expect(plan(members, policy()).expectedImpact).toEqual({
      survives: { before: 0, after: 1 },
      // Of unknown domain: each counts as its own.
      survivesDomains: { before: 0, after: 1 },
      quorum: { before: 2, after: 2 },
      commitMs: { before: 10, after: 3 },
    });
  });

  test.each([
    { why: 'all is known and watched', members: [leader('a'), voter('b', { domain: 'x' })], confidence: 1 },
    {
      why: 'no domain is known of half of them',
      members: [leader('a'), voter('b', { domain: 'x' }), voter('c')],
      confidence: 0.5,
    },
    {
      why: 'the leader is new',
      members: [leader('a'), voter('b', { domain: 'x', steadyMs: 0, silentMs: 0 })],
      confidence: 0.5,
    },
    {
      why: 'nobody knows whether one is there',
      members: [leader('a'), voter('b', { domain: 'x', phi: 4 })],
      confidence: 0,
    },
  ])('is as sure of itself as its facts allow: $why', ({ confidence, members }) => {
    expect(plan(members, policy()).confidence).toBeCloseTo(confidence, 1);
  });
});
