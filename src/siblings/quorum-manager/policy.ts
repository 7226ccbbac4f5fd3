import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { MAX_VOTERS } from '../../protocol/limits.ts';

export const STRATEGIES = ['network', 'performance', 'fault-tolerance', 'hybrid'] as const;

/**
 * What counts most when voters are chosen: `network`, links that are short and hold; `performance`, the time a commit
 * takes; `fault-tolerance`, failure domains and uptime; `hybrid`, all of it.
 */
export type Strategy = (typeof STRATEGIES)[number];

const duration = z.int().min(0).max(86_400_000);

/** What the record `quorum/policy` holds. */
export const policySchema = z
  .strictObject({
    auto: z.boolean(),
    strategy: z.enum(STRATEGIES),
    /** How many shall vote, as far as there are fit members. */
    voters: z.int().min(1).max(MAX_VOTERS),
    /** Losses that the voters shall bear: no change takes them below. */
    survive: z.int().min(0),
    /** Pause after a change before the next, and before the same node is moved again: doubled with each of its moves. */
    coolDownMs: duration,
    /** How long a voter must have been silent before another takes its place. */
    replaceAfterMs: duration,
    /** How long a learner must have been in reach, without a break, before it may vote. */
    stableMs: duration,
  })
  .refine(({ voters }) => voters % 2 === 1, {
    path: ['voters'],
    message: 'an even number bears no more losses than the odd one below it: expected 1, 3, 5 or 7',
  })
  .refine(({ survive, voters }) => survive <= (voters - 1) / 2, {
    path: ['survive'],
    message: 'so many voters cannot bear so many losses: that takes twice as many and one more',
  });

export type Policy = Readonly<z.output<typeof policySchema>>;

/**
 * In force until somebody says otherwise, for a swarm of so many voters. It changes nothing by itself: a supervisor brings
 * its instances back within seconds, and who votes is for a person to decide once. Five minutes of silence are more than
 * any restart takes.
 */
export function defaultPolicy(voters: number): Policy {
  const wanted = Math.min(MAX_VOTERS, Math.max(3, voters - ((voters + 1) % 2)));
  return {
    auto: false,
    strategy: 'hybrid',
    voters: wanted,
    survive: (wanted - 1) / 2,
    coolDownMs: 30_000,
    replaceAfterMs: 300_000,
    stableMs: 30_000,
  };
}

/**
 * The policy that `changes` make of another. Where only one of them is named, the losses to bear follow the voters, and as
 * many voters as it takes the losses; for `performance` no more than it takes.
 *
 * @throws SwarmError BAD_INPUT
 */
export function amended(policy: Policy, changes: Partial<Policy>): Policy {
  const merged = { ...policy, ...changes };
  const parsed = policySchema.safeParse({ ...merged, ...implied(merged, changes) });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ message, path }) => `${path.join('.')}: ${message}`);
  throw new SwarmError('BAD_INPUT', faults.join('; '));
}

function implied(merged: Policy, { survive, voters }: Partial<Policy>): Partial<Policy> {
  if (voters !== undefined && survive === undefined) return { survive: (voters - 1) >> 1 };
  if (voters !== undefined || survive === undefined) return {};
  const needed = 2 * survive + 1;
  return { voters: merged.strategy === 'performance' ? needed : Math.max(merged.voters, needed) };
}

export const MIN_WEIGHT = 0.1;
export const MAX_WEIGHT = 2;

/** Said with every answer that speaks of weights. */
export const VOTES_ARE_EQUAL =
  'Votes are never weighted: every voter has one, and a majority of the voters decides. A weight says how early a node stands for election, and whom leadership is given to.';

/** Steps of the rank by which one doubling of the weight lets a node stand earlier. */
const RANK_STEPS = 4;

/** What a weight adds to a node's rank: 1 nothing, more than 1 lets it stand earlier, less later. */
export function rankShiftOf(weight: number): number {
  // Never -0, which would be told from 0 by whoever compares.
  return -Math.round(RANK_STEPS * Math.log2(weight)) + 0;
}
