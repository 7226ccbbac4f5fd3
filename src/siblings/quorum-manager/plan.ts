import type { NodeId } from '../../protocol/ids.ts';
import type { MembershipChange } from '../../swarm/member-change.ts';
import { confidenceIn } from './confidence.ts';
import { isGivenUp, isSound, type Observation, votersIn } from './observation.ts';
import type { Policy, Strategy } from './policy.ts';
import { selectVoters } from './selection.ts';
import { type Strength, strengthOf } from './strength.ts';

/** Something before a plan is carried out, and after. */
interface BeforeAfter<T> {
  readonly before: T;
  readonly after: T;
}

/** One change of membership, safe by itself. */
export interface PlanStep {
  readonly changes: readonly MembershipChange[];
  /** Who votes after it. */
  readonly voters: readonly NodeId[];
  readonly why: string;
}

export interface Plan {
  readonly recommendedVoters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly strategy: Strategy;
  /** From 0 to 1: see `confidenceIn`. */
  readonly confidence: number;
  readonly reasoning: readonly string[];
  readonly expectedImpact: {
    /** Losses that can be borne besides those that there are already; below 0 nothing can be decided. */
    readonly survives: BeforeAfter<number>;
    readonly survivesDomains: BeforeAfter<number>;
    readonly quorum: BeforeAfter<number>;
    /** Estimated from disks and links; null while too little is known. */
    readonly commitMs: BeforeAfter<number | null>;
  };
  /** In this order. None: all is well as it is. */
  readonly steps: readonly PlanStep[];
  /** Who belonged to the swarm when it was made: of any other it says nothing. */
  readonly madeFor: { readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] };
}

/** What `members` should become under `policy`, and the way there. Changes nothing. */
export function plan(
  observations: readonly Observation[],
  policy: Policy,
  barred: ReadonlySet<NodeId> = new Set(),
): Plan {
  const present = votersIn(observations);
  const learners = observations.filter(({ voter }) => !voter).map(({ id }) => id);
  const { reasons, voters } = selectVoters(observations, policy, barred);
  const steps = stepsBetween(present, voters, { observations, policy });
  const before = strengthOf(present, observations);
  const after = strengthOf(voters, observations);
  return {
    recommendedVoters: voters,
    learners: observations.map(({ id }) => id).filter((id) => !voters.includes(id)),
    strategy: policy.strategy,
    confidence: confidenceIn(observations),
    reasoning: [...reasons, ...conclusions(before, after, { steps, policy })],
    expectedImpact: {
      survives: { before: before.survives, after: after.survives },
      survivesDomains: { before: before.survivesDomains, after: after.survivesDomains },
      quorum: { before: before.majority, after: after.majority },
      commitMs: { before: rounded(before.commitMs), after: rounded(after.commitMs) },
    },
    steps,
    madeFor: { voters: present, learners },
  };
}

interface Known {
  readonly observations: readonly Observation[];
  readonly policy: Policy;
}

/** Replacements first, as they make the swarm stronger at once; then those who come, then those who go. */
function stepsBetween(
  present: readonly NodeId[],
  wanted: readonly NodeId[],
  known: Known,
): readonly PlanStep[] {
  const coming = wanted.filter((id) => !present.includes(id));
  const going = worstFirst(
    present.filter((id) => !wanted.includes(id)),
    known,
  );
  const steps: PlanStep[] = [];
  let voters = present;
  const take = (come: readonly NodeId[], go: readonly NodeId[], why: string): void => {
    voters = [...voters.filter((id) => !go.includes(id)), ...come];
    const adds = come.map((id): MembershipChange => ({ type: 'add-voter', id }));
    const demotes = go.map((id): MembershipChange => ({ type: 'add-learner', id }));
    steps.push({ changes: [...adds, ...demotes], voters, why });
  };
  const swaps = Math.min(coming.length, going.length);
  for (let at = 0; at < swaps; at++) {
    const [come, go] = [coming[at] as NodeId, going[at] as NodeId];
    take([come], [go], `${come} votes in the place of ${go}`);
  }
  for (const come of inSteps(coming.slice(swaps), voters.length))
    take(come, [], `${come.join(' and ')} vote too`);
  for (const go of inSteps(going.slice(swaps), voters.length)) take([], go, `${go.join(' and ')} only learn`);
  return steps;
}

/** Two at a time, so that the number of voters stays odd; a single one where it is even. */
function inSteps(ids: readonly NodeId[], size: number): readonly (readonly NodeId[])[] {
  const steps: NodeId[][] = [];
  let at = 0;
  if (size % 2 === 0 && ids.length > 0) steps.push([...ids.slice(0, ++at)]);
  for (; at < ids.length; at += 2) steps.push([...ids.slice(at, at + 2)]);
  return steps;
}

function worstFirst(ids: readonly NodeId[], { observations, policy }: Known): readonly NodeId[] {
  const badness = (id: NodeId): number => {
    const one = observations.find((other) => other.id === id);
    if (one === undefined || isGivenUp(one, policy.replaceAfterMs)) return 2;
    return isSound(one) ? 0 : 1;
  };
  return [...ids].sort((a, b) => badness(b) - badness(a));
}

function* conclusions(
  before: Strength,
  after: Strength,
  { steps, policy }: { readonly steps: readonly PlanStep[]; readonly policy: Policy },
) {
  if (steps.length === 0) yield 'The voters stay as they are.';
  for (const { why } of steps) yield `${why}.`;
  if (after.survives < policy.survive) {
    yield `Losses that can be borne then: ${after.survives}, and ${policy.survive} asked for: more fit members are needed.`;
  }
  if (before.voters === 2 && after.voters === 2) yield 'Two voters do not survive the loss of one.';
  if (after.survivesDomains < 1 && after.voters > 1) {
    yield 'The loss of one failure domain would take the quorum: all depends on one host or label.';
  }
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
