import type { Millis, NodeId } from '../../protocol/ids.ts';
import type { Standing } from '../../protocol/state.ts';

/** What is known of one member, as seen from the node that leads. */
export interface Observation {
  readonly id: NodeId;
  readonly voter: boolean;
  readonly isLeader: boolean;
  /** It has answered lately, and its silence is not surprising yet. True of the leader. */
  readonly reachable: boolean;
  /** How surprising its silence is: see `PhiAccrual`. 0 of the leader. */
  readonly phi: number;
  readonly silentMs: Millis;
  /** How long it has been in reach without a break, as far as this leader knows. */
  readonly steadyMs: Millis;
  /** How often it was lost from sight in the last ten minutes. */
  readonly flaps: number;
  /** Entries that it is known to lack. */
  readonly lag: number;
  /** It has nearly all of the log, and follows it as it grows. True of the leader. */
  readonly keepsUp: boolean;
  /** Whether leadership would stay with it, as it says itself; undefined of the leader, and before it has answered. */
  readonly standing: Standing | undefined;
  readonly roundTripMs: Millis | undefined;
  /** How long its disk usually takes for a write. */
  readonly writeMs: Millis | undefined;
  readonly uptimeMs: Millis | undefined;
  /** What is likely to fail together bears one label; a host by default. */
  readonly domain: string | undefined;
  /** It comes and goes with somebody's session, and is never chosen. */
  readonly transient: boolean;
  readonly weight: number;
}

/** Not a question of chance any more: wrong once in a hundred million heartbeats. */
export const SUSPECT_PHI = 8;

/** A voter that was silent so long will not come back by itself; `policy.replaceAfterMs`. */
export function isGivenUp({ isLeader, reachable, silentMs }: Observation, replaceAfterMs: Millis): boolean {
  return !isLeader && !reachable && silentMs >= replaceAfterMs;
}

/** It can be counted on now. */
export function isSound({ isLeader, keepsUp, reachable }: Observation): boolean {
  return isLeader || (reachable && keepsUp);
}

export function votersIn(observations: readonly Observation[]): readonly NodeId[] {
  return observations.filter(({ voter }) => voter).map(({ id }) => id);
}

/** The same members, in whatever order. */
export function isSame(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  return left.length === right.length && left.every((id) => right.includes(id));
}
