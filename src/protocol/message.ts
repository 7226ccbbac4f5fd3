import type { Entry } from './entry.ts';
import type { LogIndex, NodeId, Term } from './ids.ts';
import type { Standing } from './state.ts';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for a pre-vote, the term it would campaign in. */
  readonly term: Term;
}

/**
 * RequestVote (§5.2), and its rehearsal that changes no state (thesis §9.6).
 *
 * `transfer` marks a campaign that the leader itself asked for: it passes leader stickiness.
 */
export interface VoteRequest extends Envelope {
  readonly type: 'vote-request' | 'pre-vote-request';
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  readonly transfer: boolean;
}

/** `term` of a granted pre-vote echoes the term asked for; of a refusal it is the voter's own. */
export interface VoteResponse extends Envelope {
  readonly type: 'vote-response' | 'pre-vote-response';
  readonly granted: boolean;
}

/** AppendEntries with entries, or a probe with none. §5.3 */
export interface AppendRequest extends Envelope {
  readonly type: 'append-request';
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly entries: readonly Entry[];
  readonly commitIndex: LogIndex;
}

/**
 * `accepted`: everything up to `matchIndex` is durable on the sender and equal to the leader's.
 * `rejected`: no entry (`rejectedIndex`, its term) here; `hintIndex` and `hintTerm` are the highest
 * place at which the two logs may still agree, so that one answer skips a whole term. §5.3 (end)
 */
export interface AppendResponse extends Envelope {
  readonly type: 'append-response';
  readonly result:
    | { readonly kind: 'accepted'; readonly matchIndex: LogIndex }
    | {
        readonly kind: 'rejected';
        readonly rejectedIndex: LogIndex;
        readonly hintIndex: LogIndex;
        readonly hintTerm: Term;
      };
}

/**
 * Keeps followers quiet and carries the read round (thesis §6.4). `commitIndex` never exceeds what
 * the receiver is known to hold. `round` counts up within a term.
 */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  readonly commitIndex: LogIndex;
  readonly round: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeat-response';
  readonly round: number;
  /** Tells a last-resort leader whom it may hand over to. */
  readonly standing: Standing;
}

/** Tells a follower at once what is committed when no append is on its way; wants no answer. §5.3 */
export interface CommitNotice extends Envelope {
  readonly type: 'commit-notice';
  readonly commitIndex: LogIndex;
}

/** A follower asks its leader for a read index; `context` is unique per attempt. Thesis §6.4 */
export interface ReadRequest extends Envelope {
  readonly type: 'read-request';
  readonly context: number;
}

export interface ReadResponse extends Envelope {
  readonly type: 'read-response';
  readonly context: number;
  /** `undefined`: refused (no leader, or nothing committed in this term yet); ask again. */
  readonly index: LogIndex | undefined;
}

/**
 * InstallSnapshot, in pieces (§7): bytes `offset…` of the file of the snapshot at (`index`, `snapshotTerm`),
 * which has `totalBytes`. Without data it only asks what the receiver holds, so that a broken transfer goes
 * on where it stopped.
 */
export interface SnapshotChunk extends Envelope {
  readonly type: 'snapshot-chunk';
  readonly index: LogIndex;
  readonly snapshotTerm: Term;
  readonly totalBytes: number;
  readonly offset: number;
  readonly data: Uint8Array;
  /** CRC-32 of `data`. */
  readonly crc: number;
}

/**
 * - `receiving`: the receiver holds the first `heldBytes` of the snapshot at `index` and wants the rest.
 * - `installed`: it holds the state at `index` (or a later one) and goes on from there.
 * - `refused`: the file was no good; send it again from the start.
 */
export interface SnapshotAnswer extends Envelope {
  readonly type: 'snapshot-answer';
  readonly index: LogIndex;
  readonly status: 'receiving' | 'installed' | 'refused';
  readonly heldBytes: number;
}

/** The leader tells a caught-up follower to campaign at once. Thesis §3.10 */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now';
}

/** A follower passes commands to its leader. `batch` is unique per sender and process life. */
export interface ProposalForward extends Envelope {
  readonly type: 'proposal-forward';
  readonly batch: number;
  readonly commands: readonly Uint8Array[];
}

/**
 * Where the leader put a forwarded batch: entries `firstIndex…` of `term`, or nothing. The follower
 * takes the outcome from its own log when it applies that index.
 */
export interface ProposalReceipt extends Envelope {
  readonly type: 'proposal-receipt';
  readonly batch: number;
  readonly firstIndex: LogIndex | undefined;
}

/**
 * Why the leader takes nothing of a forwarded batch, where that will not pass in a moment. Goes ahead of the receipt,
 * which says for all releases that nothing was taken.
 */
export interface ProposalRefusal extends Envelope {
  readonly type: 'proposal-refusal';
  readonly batch: number;
  readonly code: 'DISK_FULL';
}

/** Everything one node says to another. */
export type Message =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | CommitNotice
  | ReadRequest
  | ReadResponse
  | SnapshotChunk
  | SnapshotAnswer
  | TimeoutNow
  | ProposalForward
  | ProposalReceipt
  | ProposalRefusal;
