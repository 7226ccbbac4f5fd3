import type { Entry } from '../protocol/entry.ts';
import type { Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import type { HardState, LogPosition, LogWrite, SnapshotMeta } from '../protocol/state.ts';

/** What a node finds when it opens its folder. */
export interface RecoveredLog {
  readonly hardState: HardState;
  /** The newest snapshot that is whole; its state can be had with `snapshots.load`. */
  readonly snapshot: SnapshotMeta | undefined;
  /** What lies before the first entry; never beyond the snapshot. */
  readonly base: LogPosition;
  /** Contiguous from `base.index` + 1. Entries that contradict the snapshot are not among them. */
  readonly entries: readonly Entry[];
  /** Where the log ended before part of it was damaged; undefined once it is as far again. */
  readonly floor?: LogPosition | undefined;
}

export interface StorageListener {
  /**
   * Every write up to and with `sequence` survives a crash now. Called in order; may skip numbers. Never from
   * within `write`, which is called from within a step of the core.
   */
  onDurable(sequence: number): void;
  /** The disk refused. Nothing later becomes durable; the node must stop, never retry (ATC'20). */
  onFailed(error: Error): void;
  /** `DISK_FULL`: the reserve is touched; undefined: there is room again. */
  onRoomChanged?(shortage: SwarmError | undefined): void;
}

/**
 * The durable log of one node. Writes are queued without waiting; one sync covers all that queued
 * during the last one.
 */
export interface LogStorage {
  /** To be asked for before `start`, which lets go of it: the node keeps the entries it needs. */
  readonly recovered: RecoveredLog;
  /** Must be called once, before the first `write`. */
  start(listener: StorageListener): void;
  write(write: LogWrite): void;
  /** Entries up to `index` are in a durable snapshot and will not be asked for again: their room may be freed. */
  compact(index: LogIndex): void;
  readonly snapshots: SnapshotStore;
  /** `DISK_FULL` while the reserve of the disk is touched: it takes what is under way, and nothing new. */
  readonly shortage: SwarmError | undefined;
  /** Waits for what is queued, syncs, releases the folder. */
  close(): Promise<void>;
}

/** A snapshot that comes in pieces from a peer. */
export interface SnapshotReceipt {
  /** Bytes that are there already. */
  readonly heldBytes: number;
  /** Appends the bytes behind those held. Not called again before `done`. */
  append(bytes: Uint8Array, done: (outcome: Outcome<void>) => void): void;
  /**
   * All bytes are there: checks every checksum and that the file is the one announced, and makes it durable as
   * the latest. A file that is no good (`DATA_DAMAGED`) is removed.
   */
  finish(done: (outcome: Outcome<SnapshotMeta>) => void): void;
}

/** What a receipt must be of to be gone on with: pieces of two leaders never mix. */
export interface SnapshotSource extends LogPosition {
  /** Of the leader that sends it. */
  readonly leaderTerm: number;
  readonly totalBytes: number;
}

/** One snapshot file of a node, for a peer. Stays readable while newer ones take its place. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  readonly totalBytes: number;
  read(offset: number, length: number, done: (outcome: Outcome<Uint8Array>) => void): void;
  close(): void;
}

/**
 * The snapshots of one node. Callbacks come once, never from within the call, and not after `close` of the
 * storage. Errors: `DISK_FAILED`, `DISK_FULL`, `DATA_DAMAGED`; `DATA_FOREIGN` for a file of another cluster or format.
 */
export interface SnapshotStore {
  /** The newest that is whole and durable. */
  readonly latest: SnapshotMeta | undefined;
  /** Bytes of its file; 0 when there is none. */
  readonly latestBytes: number;
  /**
   * Writes a snapshot durably as the latest and removes older ones. Takes a few pieces at a time, so that the
   * event loop goes on meanwhile. One at a time. A snapshot older than the latest is dropped, with success.
   */
  save(meta: SnapshotMeta, pieces: Iterator<Uint8Array>, done: (outcome: Outcome<void>) => void): void;
  /** Reads the state of the latest, piece by piece as `save` was given them. */
  load(onPiece: (piece: Uint8Array) => void, done: (outcome: Outcome<SnapshotMeta>) => void): void;
  /** Opens the latest for sending. */
  open(done: (outcome: Outcome<SnapshotReader>) => void): void;
  /** Goes on with the receipt of `source`, or begins it; what was received of another source is forgotten. */
  receive(source: SnapshotSource, done: (outcome: Outcome<SnapshotReceipt>) => void): void;
}
