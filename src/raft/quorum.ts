import type { LogIndex, NodeId } from '../protocol/ids.ts';
import { type Configuration, majority } from '../protocol/state.ts';

/** `won` and `lost` are final: no vote still to come can change them. */
export type VoteResult = 'won' | 'pending' | 'lost';

type Halves = Pick<Configuration, 'voters' | 'votersOutgoing'>;

/**
 * The highest value that a majority of each half has reached. Infinity when there are no voters.
 *
 * Serves for everything that a quorum must have passed: match indexes (§5.3), read rounds and times
 * of last contact (thesis §6.4, §6.2). `reached` gives 0 for a voter of which nothing is known.
 */
export function quorumValue(config: Halves, reached: (id: NodeId) => number): number {
  // §6: while joint, agreement takes a majority of the old and of the new configuration.
  return Math.min(majorityValue(config.voters, reached), majorityValue(config.votersOutgoing, reached));
}

function majorityValue(voters: readonly NodeId[], reached: (id: NodeId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const ascending = voters.map(reached).sort((a, b) => a - b);
  return ascending[voters.length - majority(voters.length)] ?? 0;
}

/**
 * Highest index stored by a majority of each half. §5.3, §6
 *
 * A voter missing from `acked` has acknowledged nothing and counts as 0. Infinity without voters.
 */
export function committedIndex(config: Halves, acked: ReadonlyMap<NodeId, LogIndex>): number {
  return quorumValue(config, (id) => acked.get(id) ?? 0);
}

/** The state of an election: lost if either half is lost, pending if either is. §5.2, §6 */
export function voteResult(config: Halves, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const halves = [majorityVote(config.voters, votes), majorityVote(config.votersOutgoing, votes)];
  if (halves.includes('lost')) return 'lost';
  return halves.includes('pending') ? 'pending' : 'won';
}

function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let refused = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted += 1;
    if (vote === false) refused += 1;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}
