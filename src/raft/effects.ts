import type { Entry } from '../protocol/entry.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { LogIndex, NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { LogWrite } from '../protocol/state.ts';

/** What happens to a node. Every event comes with the time at which it is taken in. */
export type Event =
  /** Time has passed; due deadlines fire. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Message }
  /** Commands to append as one batch. Leader only: elsewhere they are refused. */
  | { readonly type: 'propose'; readonly commands: readonly Uint8Array[] }
  /** A linearizable read is wanted; `context` is unique within the node's life. */
  | { readonly type: 'read'; readonly context: number }
  | { readonly type: 'transfer'; readonly target: NodeId | undefined }
  /** Every write up to `sequence` survives a crash. */
  | { readonly type: 'durable'; readonly sequence: number }
  | { readonly type: 'link-opened'; readonly peer: NodeId }
  | { readonly type: 'link-closed'; readonly peer: NodeId };

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
  /** Hand to storage. Its completion comes back as a `durable` event. */
  readonly write: LogWrite | undefined;
  /** May leave at once: a leader's appends go out beside its own write. */
  readonly messages: readonly Message[];
  /** Must wait until every write handed out so far, this step's included, is durable: votes and acks. */
  readonly messagesOnceDurable: readonly Message[];
  /** Newly committed, in order, each exactly once in a node's life. */
  readonly committed: readonly Entry[];
  readonly proposal: ProposalReply | undefined;
  readonly reads: readonly ReadReply[];
  readonly transfer: TransferReply | undefined;
}
