import type { NodeId } from '../../protocol/ids.ts';
import type { Configuration } from '../../protocol/state.ts';
import type { MembershipChange } from '../../swarm/member-change.ts';
import { isSound, type Observation, votersIn } from './observation.ts';
import type { Policy } from './policy.ts';
import { strengthOf } from './strength.ts';

type Bounds = Pick<Policy, 'survive'>;

/**
 * Why the voters may not become these just now; undefined where they may. Before it and after it a majority of all voters
 * must be there, and no fewer losses be borne than the policy asks for, or than now.
 */
export function refusalOf(
  voters: readonly NodeId[],
  observations: readonly Observation[],
  { survive }: Bounds,
): string | undefined {
  const before = strengthOf(votersIn(observations), observations);
  const after = strengthOf(voters, observations);
  if (before.survives < 0)
    return `only ${before.majority + before.survives} of ${before.voters} voters are in reach`;
  if (after.survives < 0)
    return `only ${after.majority + after.survives} of ${after.voters} voters would be in reach`;
  if (after.survives >= Math.min(survive, before.survives)) return undefined;
  return `${after.survives} losses would be borne instead of ${before.survives}`;
}

/**
 * The way back to the voters of `before`, from a change that did not prove itself; undefined where it leads to nothing
 * better. Whoever would vote again must be there: it takes a majority of both to go that way, and a dead voter
 * in the place of one that is slow can be the end of the quorum.
 */
export function wayBack(
  { voters }: Configuration,
  observations: readonly Observation[],
  bounds: Bounds,
): { readonly changes: readonly MembershipChange[]; readonly voters: readonly NodeId[] } | undefined {
  const present = votersIn(observations);
  const returning = voters.filter((id) => !present.includes(id));
  const leaving = present.filter((id) => !voters.includes(id));
  if (returning.length + leaving.length === 0) return undefined;
  const isThere = (id: NodeId): boolean => observations.some((one) => one.id === id && isSound(one));
  if (!returning.every(isThere)) return undefined;
  const survives = (ids: readonly NodeId[]): number => strengthOf(ids, observations).survives;
  if (survives(voters) < survives(present) || refusalOf(voters, observations, bounds) !== undefined)
    return undefined;
  const changes = [
    ...returning.map((id): MembershipChange => ({ type: 'add-voter', id })),
    ...leaving.map((id): MembershipChange => ({ type: 'add-learner', id })),
  ];
  return { changes, voters };
}
