import type { NodeId } from '../../protocol/ids.ts';
import { inOrder } from './merits.ts';
import { isGivenUp, isSound, type Observation, votersIn } from './observation.ts';
import type { Policy, Strategy } from './policy.ts';
import { strengthOf } from './strength.ts';

export interface Selection {
  readonly voters: readonly NodeId[];
  /** Why, in sentences. */
  readonly reasons: readonly string[];
}

/** How the members stand to the question who shall vote. */
interface Field {
  readonly leader: Observation;
  /** Vote, and can be counted on. The leader is not among them. */
  readonly sound: readonly Observation[];
  /** Vote, and are out of reach or behind, but not for so long that they would be given up. */
  readonly awaited: readonly Observation[];
  readonly givenUp: readonly Observation[];
  /** Learners that may vote from now on. */
  readonly newcomers: readonly Observation[];
}

/**
 * Who shall vote: the leader, who is there; whoever votes and is missed for a short time only; and beside them the best of
 * the others. As many as the policy asks for, an odd number. `barred` are kept from moving for now.
 *
 * As things are stays whatever cannot be bettered without bearing fewer losses than the policy asks for, or than now, of
 * single members or, unless more members can be lost for it, of whole failure domains.
 */
export function selectVoters(
  observations: readonly Observation[],
  policy: Policy,
  barred: ReadonlySet<NodeId> = new Set(),
): Selection {
  const present = votersIn(observations);
  const field = fieldOf(observations, policy, barred);
  if (field === undefined) return { voters: present, reasons: ['Nobody leads here, so nothing is changed.'] };
  const reasons = [...standing(field, policy)];
  const first = choose(field, policy, inOrder);
  const crowds = (voters: readonly NodeId[]): boolean =>
    isCrowding(present, voters, { observations, policy });
  const spread = crowds(first)
    ? SPREADING.map((rank) => choose(field, policy, rank)).find((one) => !crowds(one))
    : undefined;
  if (spread !== undefined) {
    reasons.push(`By ${policy.strategy} alone, fewer failure domains could be lost: the voters are spread.`);
  }
  const chosen = spread ?? first;
  const why = whyNot(present, chosen, { observations, policy });
  if (why === undefined) return { voters: chosen, reasons };
  return { voters: present, reasons: [...reasons, why] };
}

/** Puts candidates in order, the best first, beside those who are seated. */
type Ranking = (
  candidates: readonly Observation[],
  seated: readonly Observation[],
  strategy: Strategy,
) => readonly NodeId[];

/** By failure domains above all; and with nobody moved who does its work. */
const SPREADING: readonly Ranking[] = [
  (candidates, seated) => inOrder(candidates, seated, 'fault-tolerance'),
  (candidates, seated) => {
    const voters = candidates.filter(({ voter }) => voter);
    const others = candidates.filter(({ voter }) => !voter);
    const beside = [...seated, ...voters];
    return [...voters.map(({ id }) => id), ...inOrder(others, beside, 'fault-tolerance')];
  },
];

function fieldOf(
  observations: readonly Observation[],
  { replaceAfterMs, stableMs }: Policy,
  barred: ReadonlySet<NodeId>,
): Field | undefined {
  const leader = observations.find(({ isLeader }) => isLeader);
  if (leader === undefined) return undefined;
  const voters = observations.filter(({ isLeader, voter }) => voter && !isLeader);
  const givenUp = voters.filter((one) => isGivenUp(one, replaceAfterMs));
  return {
    leader,
    givenUp,
    sound: voters.filter(isSound),
    awaited: voters.filter((one) => !isSound(one) && !givenUp.includes(one)),
    newcomers: observations.filter((one) => {
      const isFit = !one.voter && !one.transient && isSound(one) && one.steadyMs >= stableMs;
      return isFit && !barred.has(one.id);
    }),
  };
}

function choose(
  { awaited, leader, newcomers, sound }: Field,
  { strategy, voters }: Policy,
  rank: Ranking,
): readonly NodeId[] {
  const held = 1 + sound.length + awaited.length;
  const most = Math.min(voters, held + newcomers.length);
  const size = most - ((most + 1) % 2);
  const missed = awaited.map(({ id }) => id);
  if (held <= size) {
    const order = rank([...sound, ...newcomers], [leader, ...awaited], strategy);
    return [leader.id, ...missed, ...order].slice(0, size);
  }
  // Some must go: whoever is missed goes first, and nobody comes.
  return [leader.id, ...rank(sound, [leader], strategy), ...missed].slice(0, size);
}

interface Known {
  readonly observations: readonly Observation[];
  readonly policy: Policy;
}

/** Whole failure domains could be lost that must not be: fewer than the losses that the policy asks for, and than now. */
function isCrowding(
  present: readonly NodeId[],
  chosen: readonly NodeId[],
  { observations, policy }: Known,
): boolean {
  const before = strengthOf(present, observations).survivesDomains;
  return strengthOf(chosen, observations).survivesDomains < Math.min(policy.survive, before);
}

/** Why it is better to leave everything as it is; undefined where the change is one for the better. */
function whyNot(present: readonly NodeId[], chosen: readonly NodeId[], known: Known): string | undefined {
  const { observations, policy } = known;
  const before = strengthOf(present, observations);
  const after = strengthOf(chosen, observations);
  if (before.survives < 0) {
    return `Only ${before.majority + before.survives} of ${before.voters} voters can be counted on, and ${before.majority} are needed: nothing can be decided before some come back.`;
  }
  const isForced = chosen.length < present.length && present.length <= policy.voters;
  if (isForced && after.survives <= before.survives) {
    return `Fewer voters (${chosen.length}) would bear no more losses than these ${present.length} do, and there is nobody to take a place: bring up more members.`;
  }
  if (after.survives <= before.survives && isCrowding(present, chosen, known)) {
    return `Another choice would bear the loss of ${after.survivesDomains} failure domains, and ${before.survivesDomains} can be borne now: nothing is changed.`;
  }
  if (after.survives >= Math.min(policy.survive, before.survives)) return undefined;
  return `Another choice would bear ${after.survives} losses, and ${before.survives} are borne now: nothing is changed.`;
}

function* standing({ awaited, givenUp, newcomers }: Field, { replaceAfterMs, stableMs, voters }: Policy) {
  for (const { id, silentMs } of givenUp) {
    yield `${id} has said nothing for ${seconds(silentMs)} and is given up as a voter.`;
  }
  for (const { id, lag, reachable, silentMs } of awaited) {
    if (reachable) yield `${id} votes and lags ${lag} entries behind; it keeps its place and catches up.`;
    else
      yield `${id} has said nothing for ${seconds(silentMs)}; its place is kept until ${seconds(replaceAfterMs)}.`;
  }
  const fit = newcomers.map(({ id }) => id).join(', ') || 'none';
  yield `Learners that may vote (caught up, in reach for ${seconds(stableMs)}): ${fit}; voters asked for: ${voters}.`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
