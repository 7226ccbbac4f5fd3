import type { ErrorCode } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { type Configuration, isJoint } from '../protocol/state.ts';

/**
 * One step of a change. `add-voter` also promotes a learner, `add-learner` also demotes a voter; what is
 * so already stays as it is.
 */
export interface MembershipChange {
  readonly type: 'add-voter' | 'add-learner' | 'remove';
  readonly id: NodeId;
}

export type MembershipErrorCode = Extract<
  ErrorCode,
  'JOINT_PHASE' | 'NOT_JOINT' | 'NEEDS_JOINT' | 'NO_VOTERS_LEFT'
>;

/** Why a change makes no configuration. */
export class MembershipError extends Error {
  override readonly name = 'MembershipError';
  readonly code: MembershipErrorCode;

  constructor(code: MembershipErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The configuration after `changes`, in one step: safe as long as any majority before and any majority after
 * share a node, which holds when at most one voter comes or goes. Thesis §4.1
 *
 * Refused: `JOINT_PHASE` in a joint phase, `NO_VOTERS_LEFT`, `NEEDS_JOINT` when more voters change.
 */
export function applySimple(
  config: Configuration,
  changes: readonly MembershipChange[],
): Configuration | MembershipError {
  if (isJoint(config)) return new MembershipError('JOINT_PHASE', 'a joint change is not over yet');
  const next = applyChanges(config, changes);
  if (next.voters.length === 0) return noVotersLeft();
  if (votersChanged(config, next) <= 1) return next;
  return new MembershipError('NEEDS_JOINT', 'more than one voter changes: that takes a joint phase');
}

/**
 * The joint configuration on the way to `changes`: until it is left, decisions need a majority of the voters
 * before and of those after. A voter that becomes a learner stays a voter of the outgoing half meanwhile. §6
 *
 * `autoLeave`: the leader leaves the joint phase by itself as soon as it is committed.
 * Refused: `JOINT_PHASE` in a joint phase, `NO_VOTERS_LEFT` before or after.
 */
export function enterJoint(
  config: Configuration,
  changes: readonly MembershipChange[],
  { autoLeave }: { readonly autoLeave: boolean },
): Configuration | MembershipError {
  if (isJoint(config)) return new MembershipError('JOINT_PHASE', 'a joint change is not over yet');
  if (config.voters.length === 0) return noVotersLeft();
  const next = applyChanges({ ...config, votersOutgoing: config.voters }, changes);
  return next.voters.length === 0 ? noVotersLeft() : { ...next, autoLeave };
}

/** The configuration behind the joint phase. Refused: `NOT_JOINT`. §6 */
export function leaveJoint(config: Configuration): Configuration | MembershipError {
  if (!isJoint(config)) return new MembershipError('NOT_JOINT', 'there is no joint phase to leave');
  return {
    voters: config.voters,
    votersOutgoing: [],
    learners: [...config.learners, ...config.learnersNext],
    learnersNext: [],
    autoLeave: false,
  };
}

/**
 * The next configuration on the way to `changes`: in one step where that is safe, through a joint phase
 * that the leader leaves by itself where it is not.
 */
export function nextConfiguration(
  config: Configuration,
  changes: readonly MembershipChange[],
): Configuration | MembershipError {
  const simple = applySimple(config, changes);
  if (!(simple instanceof MembershipError) || simple.code !== 'NEEDS_JOINT') return simple;
  return enterJoint(config, changes, { autoLeave: true });
}

function noVotersLeft(): MembershipError {
  return new MembershipError('NO_VOTERS_LEFT', 'no voter would be left, and nothing could ever be decided');
}

function applyChanges(config: Configuration, changes: readonly MembershipChange[]): Configuration {
  return changes.reduce(applyChange, config);
}

function applyChange(config: Configuration, { type, id }: MembershipChange): Configuration {
  switch (type) {
    case 'add-voter':
      if (config.voters.includes(id)) return config;
      return { ...without(config, id), voters: [...config.voters, id] };
    case 'add-learner': {
      if (config.learners.includes(id) || config.learnersNext.includes(id)) return config;
      const rest = without(config, id);
      // Whoever still votes in the outgoing half cannot learn before that half is gone.
      if (config.votersOutgoing.includes(id)) return { ...rest, learnersNext: [...rest.learnersNext, id] };
      return { ...rest, learners: [...rest.learners, id] };
    }
    case 'remove':
      return without(config, id);
  }
}

/** Out of everything but the outgoing half, which does not change any more. */
function without(config: Configuration, id: NodeId): Configuration {
  const others = (ids: readonly NodeId[]): readonly NodeId[] => ids.filter((other) => other !== id);
  return {
    ...config,
    voters: others(config.voters),
    learners: others(config.learners),
    learnersNext: others(config.learnersNext),
  };
}

/** How many voters come or go. */
function votersChanged(before: Configuration, after: Configuration): number {
  const come = after.voters.filter((id) => !before.voters.includes(id));
  const gone = before.voters.filter((id) => !after.voters.includes(id));
  return come.length + gone.length;
}
