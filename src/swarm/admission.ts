import type { NodeStatus, PeerStatus } from '../node/port.ts';
import type { NodeId } from '../protocol/ids.ts';
import { isJoint, isVoter, members } from '../protocol/state.ts';
import type { MembershipChange } from '../raft/membership.ts';

/** What is to become of a newcomer, and how far that has come. */
export interface Wanted {
  readonly memberId: NodeId;
  /** In whose place it comes: itself, before it lost its data. */
  readonly former: NodeId | undefined;
  readonly shallVote: boolean;
  /** It is known to have been let in, for good: if it is out now, somebody has taken it out again. */
  readonly wasIn: boolean;
  /** What `former` held is given back. */
  readonly hasRetired: boolean;
}

/**
 * - `change`: ask the leader for it. With no changes: have it say that what it sees is committed.
 * - `retire`: give back what `former` held.
 * - `wait`: something has to happen first that needs no help of ours.
 * - `superseded`: somebody has taken it out meanwhile, and that counts.
 */
export type Step =
  | { readonly kind: 'change'; readonly changes: readonly MembershipChange[] }
  | { readonly kind: 'retire' | 'wait' | 'done' | 'superseded' };

type View = Pick<NodeStatus, 'configuration' | 'peers'>;

/** Entries that a learner may lack and still be made a voter: fewer than come in during one round trip. */
const NEARLY_NOTHING = 100;

/**
 * The next step to take, by how the leader sees the swarm. Each is decided anew from what is, and not from what was
 * asked for: an answer that was lost, a leader that fell or a change of somebody else makes no difference.
 */
export function nextStep({ configuration, peers }: View, wanted: Wanted): Step {
  const { memberId, former, shallVote, wasIn, hasRetired } = wanted;
  const isMember = members(configuration).includes(memberId);
  if (isJoint(configuration)) return { kind: 'wait' };
  if (!isMember && wasIn) return { kind: 'superseded' };
  const changes: MembershipChange[] = [];
  if (former !== undefined && members(configuration).includes(former)) {
    changes.push({ type: 'remove', id: former });
  }
  if (!isMember) changes.push({ type: 'add-learner', id: memberId });
  if (changes.length > 0 || !wasIn) return { kind: 'change', changes };
  if (former !== undefined && !hasRetired) return { kind: 'retire' };
  if (!shallVote || isVoter(configuration, memberId)) return { kind: 'done' };
  // A learner that is far behind must not slow down what voters decide.
  if (!hasCaughtUp(peers.find(({ id }) => id === memberId))) return { kind: 'wait' };
  return { kind: 'change', changes: [{ type: 'add-voter', id: memberId }] };
}

function hasCaughtUp(peer: PeerStatus | undefined): boolean {
  return peer !== undefined && peer.mode === 'replicate' && peer.lag < NEARLY_NOTHING;
}
