import { type LogIndex, TERM_ZERO } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { isBefore, type LogPosition, type LogWrite, type SnapshotMeta } from '../protocol/state.ts';
import type { RecoveredLog } from './port.ts';

/** Before the first entry of a log that was never compacted. */
export const LOG_START: LogPosition = { index: 0 as LogIndex, term: TERM_ZERO };

/** A log as it was read, before it is known what snapshot there is. */
export type ReplayedLog = Omit<RecoveredLog, 'snapshot'>;

/**
 * A log beside the newest snapshot. What contradicts the snapshot was never committed, and a log that ends before
 * it would leave a gap behind it: both give way, and the log begins anew behind the snapshot. §7
 */
export function reconcile(log: ReplayedLog, snapshot: SnapshotMeta | undefined): RecoveredLog {
  if (snapshot === undefined) {
    invariant(log.base.index === 0, 'entries are only let go of when a snapshot covers them');
    return { ...log, snapshot };
  }
  const { index, term } = snapshot;
  invariant(log.base.index <= index, 'entries are only let go of when a snapshot covers them');
  if (termAt(log, index) === term) return { ...log, snapshot };
  return { hardState: log.hardState, snapshot, base: { index, term }, entries: [] };
}

/** Of the base and the entries behind it. */
export function termAt({ base, entries }: ReplayedLog, index: LogIndex): LogPosition['term'] | undefined {
  return index === base.index ? base.term : entries[index - base.index - 1]?.term;
}

/** `floor`, as long as the log is not as far as that. */
export function floorOf(
  log: Pick<ReplayedLog, 'base' | 'entries'>,
  floor: LogPosition | undefined,
): LogPosition | undefined {
  return floor !== undefined && isBefore(lastPosition(log), floor) ? floor : undefined;
}

/** Of the last entry, or of the base when there is none. */
export function lastPosition({ base, entries }: Pick<ReplayedLog, 'base' | 'entries'>): LogPosition {
  const last = entries.at(-1);
  return last === undefined ? base : { index: last.index, term: last.term };
}

/**
 * How far a log may be let go of while `pending` writes are not durable yet: one that cuts what the disk still
 * holds there must find the entry before the cut. What a node has snapshotted may be ahead of its own disk.
 */
export function compactableTo(index: LogIndex, pending: readonly LogWrite[]): LogIndex {
  let limit: number = index;
  for (const { truncateFrom } of pending) {
    if (truncateFrom !== undefined) limit = Math.min(limit, truncateFrom - 1);
  }
  return limit as LogIndex;
}

/** What a storage found, which it lets go of once the node has it. */
export function requireRecovered(recovered: RecoveredLog | undefined): RecoveredLog {
  invariant(recovered !== undefined, 'what was recovered is asked for before the storage is started');
  return recovered;
}
