import type { Entry } from '../protocol/entry.ts';
import type { Outcome, SwarmError } from '../protocol/errors.ts';
import type { ClusterId, LogIndex, Millis, NodeId, Term } from '../protocol/ids.ts';
import type { Configuration, SnapshotMeta, Standing } from '../protocol/state.ts';
import type { ReadTrust } from '../raft/effects.ts';
import type { MembershipChange } from '../raft/membership.ts';

/** What the log drives. Deterministic: equal entries in equal order give equal states and results. */
export interface StateMachine<Result = unknown> {
  /** Called once per committed `command` entry, in index order. Never throws for bad commands: a result says so. */
  apply(entry: Entry): Result;
  /**
   * The state as it is now, in pieces of at most `MAX_SNAPSHOT_PIECE_BYTES`. Returns at once; the pieces are made
   * when they are asked for, and later `apply`s do not show in them.
   */
  capture(): Iterator<Uint8Array>;
  /** Begins to take in what `capture` gave somewhere else; the state stays as it is until `finish`. */
  restore(): Restoration;
}

/** A state that comes in pieces. Whatever is dropped before `finish` has changed nothing. */
export interface Restoration {
  /** @throws SwarmError DATA_DAMAGED when it is no piece of a state, or of a version that is not known here. */
  add(piece: Uint8Array): void;
  /** Replaces the state by the one taken in. @throws SwarmError DATA_DAMAGED when pieces are missing. */
  finish(): void;
}

/** Time and chance, passed in so that a simulator can own both. */
export interface Clock {
  /** Monotonic. */
  now(): Millis;
  /** Calls back once at or after `at` (same scale as `now`). The returned function cancels. */
  setTimer(at: Millis, callback: () => void): () => void;
  /** Runs `callback` after the events that are at hand now have been taken in: the end of a loop turn. */
  defer(callback: () => void): void;
}

/** The outcome of one command: where it stands in the log and what the state machine said. */
export interface Applied<Result> {
  readonly index: LogIndex;
  readonly result: Result;
}

export interface PeerStatus {
  readonly id: NodeId;
  readonly matchIndex: LogIndex;
  readonly mode: 'probe' | 'replicate' | 'snapshot';
  /** Entries it is known to lack. */
  readonly lag: number;
  /** Appends on their way to it. */
  readonly inFlight: number;
  readonly lastContactMs: Millis | undefined;
  /** Number of the regular heartbeat that it answered last; 0 before the first. */
  readonly beat: number;
  /** Since then; before the first, since this node began to lead it. */
  readonly silentMs: Millis;
  /** Since the heartbeat left that it answered last: at some time within this its link worked both ways. */
  readonly aliveMs: Millis;
  /** From heartbeat to answer, smoothed; undefined before the first. */
  readonly roundTripMs: Millis | undefined;
  /** Whether it stands for election, as it says itself; undefined before its first answer. */
  readonly standing: Standing | undefined;
}

export interface NodeStatus {
  readonly id: NodeId;
  readonly clusterId: ClusterId;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly term: Term;
  readonly leaderId: NodeId | undefined;
  /** Since the leader was last heard; undefined on the leader and while none is known. */
  readonly leaderContactMs: Millis | undefined;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly configuration: Configuration;
  /** Elections this node has won since it started. */
  readonly electionsWon: number;
  /** Up to where the own snapshot reaches; 0 without one. */
  readonly snapshotIndex: LogIndex;
  readonly snapshotBytes: number;
  /** The first entry that is still in the log. */
  readonly firstIndex: LogIndex;
  /** How long the own disk usually takes for a write; undefined before the first. */
  readonly writeMs: Millis | undefined;
  /** Only on the leader. */
  readonly peers: readonly PeerStatus[];
  /**
   * While it lacks part of a log that was damaged: it holds what is up to `from`, and held what was up to `to`. Until
   * others have sent it as much it does not vote.
   */
  readonly repairing: { readonly from: LogIndex; readonly to: LogIndex } | undefined;
}

export interface NodeListener<Result> {
  /** After every applied entry, in index order, `noop` and `config` entries included (then without result). */
  onApplied?(entry: Entry, result: Result | undefined): void;
  /** A snapshot took the place of the state: everything may have changed. */
  onRestored?(index: LogIndex): void;
  /** This node was removed from the cluster, and that is committed. */
  onRemoved?(): void;
  /** Something failed that does not stop the node: a snapshot could not be written, a piece came damaged. */
  onTrouble?(error: SwarmError): void;
  /** Commands are refused from now on (`DISK_FULL`), or taken again (undefined). */
  onRoomChanged?(shortage: SwarmError | undefined): void;
  /** Role, term or leader changed. */
  onRoleChanged?(status: NodeStatus): void;
  /** The node has stopped by itself (its disk failed, an invariant broke). */
  onStopped?(error: Error): void;
}

/**
 * A running Raft node. Callbacks are called exactly once. When the node stops, by itself or by request,
 * every pending one gets an error.
 */
export interface RaftNode<Result> {
  readonly id: NodeId;
  /**
   * Replicates one command, through the leader if this node is not it. Waits for a leader while none
   * is known. Errors:
   *
   * - `PROPOSAL_DROPPED`: another leader's entry took the place; nothing was applied, propose again.
   * - `OUTCOME_UNKNOWN`: the command may or may not be applied one day. A retry must be recognisable
   *   by the state machine (client session, idempotency key).
   * - `NO_QUORUM`: no leader was known in time; nothing was proposed.
   * - `BUSY`, `DISK_FULL` (`details.retryAfterMs`), `PROPOSAL_TOO_LARGE`, `STOPPED`: nothing was proposed.
   */
  propose(command: Uint8Array, done: (outcome: Outcome<Applied<Result>>) => void): void;
  /**
   * Linearizable read: calls back once this node's state machine holds everything committed before the call. §8
   *
   * `lease`: on the leader it may be its lease that vouches for it instead of a round to a quorum; only with
   * `leaseReads`, and only as true as the clocks are within their margin. Thesis §6.4.1
   */
  readBarrier(done: (outcome: Outcome<LogIndex>) => void, trust?: ReadTrust): void;
  /**
   * Leader only: changes who belongs to the cluster, in one step where that is safe, through a joint phase where
   * it is not. Calls back when the new configuration is committed. Errors:
   *
   * - `NOT_LEADER`, `NOT_READY` (the term has not committed yet), `CHANGE_IN_FLIGHT`, `TRANSFER_IN_PROGRESS`,
   *   `NO_VOTERS_LEFT`: nothing has changed.
   * - `OUTCOME_UNKNOWN`: it may be committed one day.
   */
  changeMembership(
    changes: readonly MembershipChange[],
    done: (outcome: Outcome<Configuration>) => void,
  ): void;
  /** Writes a snapshot of the state now, and drops from the log what it covers. Errors: `DISK_FAILED`, `DISK_FULL`, `NOT_READY`. */
  snapshot(done: (outcome: Outcome<SnapshotMeta>) => void): void;
  /** Leader only: hands leadership to `target`, or to the most caught-up eligible voter. Thesis §3.10 */
  transfer(target: NodeId | undefined, done: (outcome: Outcome<NodeId>) => void): void;
  /** What the swarm's weights add to the configured rank: the higher, the later this node stands. Never less than 0 in all. */
  shiftRank(shift: number): void;
  status(): NodeStatus;
  /** Committed entries from `from` on, at most `limit`. */
  committed(from: LogIndex, limit: number): readonly Entry[];
  /**
   * Stops in order. `hand-over`: if this node leads, it gives leadership to a voter in reach first.
   * `at-once`: the others stop too, so nobody could keep it.
   */
  stop(manner: 'hand-over' | 'at-once'): Promise<void>;
}
