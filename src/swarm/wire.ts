import { Packr } from 'msgpackr';
import { type ErrorCode, type Outcome, SwarmError } from '../protocol/errors.ts';
import type { MembershipChange } from '../raft/membership.ts';
import type { TaskJson } from '../tasks/task.ts';
import type { Notice, Query } from './port.ts';

/** Kinds of request on a client link. The first is the hot path: its body goes into the log as it is. */
export const REQUEST = {
  /** Body: an encoded command. Answer: `Settled`. */
  propose: 1,
  /** Body: a `WireQuery`. Answer: of its kind. */
  query: 2,
  /** No body, no further answer: `Notice`s are pushed from now on. */
  watch: 3,
  /** Body: a `Control`. */
  control: 4,
  /** Body: a content. Answer: its `BlobName`, once it is on the disk. */
  storeBlob: 5,
  /** Body: `{sha256}`. Answer: the content. */
  readBlob: 6,
  /** Body and answer: as the quorum manager says. */
  quorum: 7,
  /** Body: what the security manager is asked for. Answer: of its kind. */
  security: 8,
  /** Body: what clients and instances say to the synchronizer of shared documents. */
  crdt: 9,
  /** No body. Answer: what the node has seen of votes. */
  ballots: 10,
} as const;

/** A query as it goes over the wire, where all tasks at once need not fit. */
export type WireQuery = Exclude<Query, { kind: 'tasks' }> | { readonly kind: 'tasks'; readonly from: number };

export interface TaskPage {
  readonly tasks: readonly TaskJson[];
  /** Where the next page begins; null after the last one. */
  readonly next: number | null;
}

export interface SnapshotTaken {
  readonly index: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** What a node found when it looked through its state. */
export interface Inspection {
  /** Of the node: another one may write the same state in other bytes. Absent in older releases. */
  readonly release?: string;
  /** SHA-256 of the whole state, hexadecimal. */
  readonly digest: string;
  /** The hash of a machine that was built from that state: the same, or the snapshot would lose something. */
  readonly restoredHash: string;
  /** Of the snapshot file that was read again and found whole; 0 when there is none yet. */
  readonly snapshotIndex: number;
}

/** What an operator tells one node; `transfer` and `change-membership` only the one that leads. */
export type Control =
  /** Answer: the id of the new leader. */
  | { readonly kind: 'transfer'; readonly target: string | null }
  /** Answer: the `Configuration` that is committed then. */
  /** Any node takes a snapshot now. Answer: `SnapshotTaken`. */
  | { readonly kind: 'snapshot' }
  /** Any node looks through all of its state at a full checkpoint. Answer: `Inspection`. */
  | { readonly kind: 'inspect'; readonly index: number }
  /** A node that differs from the others at a checkpoint stops itself, and keeps what it has. No answer but that. */
  | { readonly kind: 'quarantine'; readonly index: number; readonly why: string }
  | {
      readonly kind: 'change-membership';
      readonly changes: readonly { readonly type: MembershipChange['type']; readonly id: string }[];
    };

// No record extension: bodies must be readable on their own. Structures would be state of a link.
const packr = new Packr({ useRecords: false });

export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/**
 * @throws SwarmError MALFORMED when `bytes` are no message pack document.
 */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('MALFORMED', `the body of a frame cannot be read: ${reason}`);
  }
}

/** What a node has pushed to a watcher, or what is wrong with it. */
export function unpackNotice(bytes: Uint8Array): Outcome<Notice> {
  try {
    const said: unknown = unpack(bytes);
    if (isNotice(said)) return { ok: true, value: said };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return { ok: false, error };
  }
  return { ok: false, error: new SwarmError('MALFORMED', 'what the node pushed is no notice') };
}

/** As far as it tells nonsense from a notice: what a node of the swarm says is not checked to its last field. */
function isNotice(said: unknown): said is Notice {
  if (!isRecord(said)) return false;
  const { type, index, events, status, tasks } = said;
  if (type === 'role') return isRecord(status);
  if (typeof index !== 'number') return false;
  return type === 'restored' || (type === 'applied' && areRecords(events) && areRecords(tasks));
}

function areRecords(said: unknown): boolean {
  return Array.isArray(said) && said.every(isRecord);
}

function isRecord(said: unknown): said is Readonly<Record<string, unknown>> {
  return typeof said === 'object' && said !== null;
}

interface PackedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export function packError(error: SwarmError): Uint8Array {
  const { code, message, details } = error;
  // Of the details only what a client acts on: the rest is for the logs of the node.
  const { retryAfterMs } = details;
  return pack({ code, message, ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}) });
}

/** Never throws: whoever waits for the answer is called back in the middle of a frame, with nobody above. */
export function unpackError(bytes: Uint8Array): SwarmError {
  let told: Partial<PackedError> | null | undefined;
  try {
    told = unpack(bytes) as typeof told;
  } catch (error) {
    if (error instanceof SwarmError) return error;
    throw error;
  }
  const { code, message, retryAfterMs } = told ?? {};
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new SwarmError('MALFORMED', 'the node answered with an error that cannot be read');
  }
  return new SwarmError(code, message, typeof retryAfterMs === 'number' ? { retryAfterMs } : {});
}
