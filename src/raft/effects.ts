import type { Entry } from '../protocol/entry.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { LogIndex, NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { Configuration, LogWrite, SnapshotMeta } from '../protocol/state.ts';
import type { MembershipChange } from './membership.ts';

/** What happens to a node. Every event comes with the time at which it is taken in. */
export type Event =
  /** Time has passed; due deadlines fire. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Message }
  /** Commands to append as one batch. Leader only: elsewhere they are refused. */
  | { readonly type: 'propose'; readonly commands: readonly Uint8Array[] }
  /**
   * A linearizable read is wanted; `context` is unique within the node's life. `lease`: the leader's word will do
   * while its lease holds (thesis §6.4.1); without a lease it is a `quorum` read.
   */
  | { readonly type: 'read'; readonly context: number; readonly trust: ReadTrust }
  | { readonly type: 'transfer'; readonly target: NodeId | undefined }
  /** From now on the rank counts as `shift` more than configured; never less than 0. */
  | { readonly type: 'shift-rank'; readonly shift: number }
  /** Who belongs to the cluster shall change. Leader only. */
  | { readonly type: 'change-membership'; readonly changes: readonly MembershipChange[] }
  /** A snapshot of the own state machine is durable. */
  | { readonly type: 'snapshot-saved'; readonly snapshot: SnapshotMeta }
  /** A snapshot that came from the leader is durable, and its state could be had at once. */
  | { readonly type: 'snapshot-received'; readonly snapshot: SnapshotMeta }
  /** Every write up to `sequence` survives a crash. */
  | { readonly type: 'durable'; readonly sequence: number }
  | { readonly type: 'link-opened'; readonly peer: NodeId }
  | { readonly type: 'link-closed'; readonly peer: NodeId };

export type ReadTrust = 'quorum' | 'lease';

/** What became of a change of membership. */
export type MembershipReply =
  /** On its way at `index`; in a joint phase a second entry follows by itself. */
  | { readonly kind: 'appended'; readonly index: LogIndex; readonly configuration: Configuration }
  /** It is so already. */
  | { readonly kind: 'unchanged'; readonly configuration: Configuration }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly reason: string };

/** What became of a batch of commands. */
export type ProposalReply =
  | { readonly kind: 'appended'; readonly firstIndex: LogIndex }
  | { readonly kind: 'refused'; readonly code: ErrorCode };

export type TransferReply =
  /** `timeout-now` has left for the target; the next election tells the rest. */
  | { readonly kind: 'handed-over'; readonly target: NodeId }
  /** The request has changed nothing. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly reason: string }
  /** The hand-over under way has come to nothing. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly reason: string };

/** A read may be served once the state machine has applied `index`; undefined: refused, ask again. */
export interface ReadReply {
  readonly context: number;
  readonly index: LogIndex | undefined;
}

/** What the runtime must do after one step. */
export interface Effects {
  /** The state machine must first become as this snapshot says: the log goes on behind it. */
  readonly restored: SnapshotMeta | undefined;
  /** Hand to storage. Its completion comes back as a `durable` event. */
  readonly write: LogWrite | undefined;
  /** May leave at once: a leader's appends go out beside its own write. */
  readonly messages: readonly Message[];
  /** Must wait until every write handed out so far, this step's included, is durable: votes and acks. */
  readonly messagesOnceDurable: readonly Message[];
  /** Newly committed, in order, each exactly once in a node's life. */
  readonly committed: readonly Entry[];
  /** Entries up to here are not needed any more: storage may free them. */
  readonly compactTo: LogIndex | undefined;
  /** Peers that need the latest snapshot. Their answers come back as messages. */
  readonly snapshotsTo: readonly NodeId[];
  readonly proposal: ProposalReply | undefined;
  readonly reads: readonly ReadReply[];
  readonly transfer: TransferReply | undefined;
  readonly membership: MembershipReply | undefined;
}
