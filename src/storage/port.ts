import type { Entry } from '../protocol/entry.ts';
import type { HardState, LogWrite } from '../protocol/state.ts';

/** What a node finds when it opens its folder. */
export interface RecoveredLog {
  readonly hardState: HardState;
  /** Contiguous from index 1 (from the snapshot's index + 1 once there are snapshots). */
  readonly entries: readonly Entry[];
}

export interface StorageListener {
  /**
   * Every write up to and with `sequence` survives a crash now. Called in order; may skip numbers. Never from
   * within `write`, which is called from within a step of the core.
   */
  onDurable(sequence: number): void;
  /** The disk refused. Nothing later becomes durable; the node must stop, never retry (ATC'20). */
  onFailed(error: Error): void;
}

/**
 * The durable log of one node. Writes are queued without waiting; one sync covers all that queued
 * during the last one.
 */
export interface LogStorage {
  readonly recovered: RecoveredLog;
  /** Must be called once, before the first `write`. */
  start(listener: StorageListener): void;
  write(write: LogWrite): void;
  /** Waits for what is queued, syncs, releases the folder. */
  close(): Promise<void>;
}
