import type { LogWrite } from '../protocol/state.ts';
import {
  END_OF_GROUP,
  END_OF_WRITE,
  type Placement,
  putEntry,
  putHardState,
  putMark,
  putRestart,
  putTruncate,
  RECORD_HEADER_BYTES,
  type Target,
  target,
} from './wal-record.ts';

/** Kept for the next group. A larger one is rare, and gives its memory back. */
const KEPT_BYTES = 4 * 1024 * 1024;
const FIRST_BYTES = 64 * 1024;

/**
 * Encodes groups into one buffer that is used again and again: only one group is on its way to the disk
 * at a time. Copying the entries into it costs less than handing them to `writev` one by one (1,024 entries
 * of 256 bytes: 0.50 ms against 0.86 ms, the write included).
 */
export class GroupEncoder {
  #target: Target = target(FIRST_BYTES);

  /**
   * The bytes of `writes` as one group, followed by `padding(length)` zeros. Valid until the next call.
   *
   * Within a write the hard state comes first; its order does not matter, because recovery takes a write
   * whole or not at all.
   */
  encode(writes: readonly LogWrite[], group: number, padding: (length: number) => number): EncodedGroup {
    const length = groupBytes(writes);
    const total = length + padding(length);
    const to = this.#room(total);
    const place: Placement = { at: 0, group, flags: 0 };
    const last = writes.at(-1);
    for (const write of writes) {
      putWrite(to, place, write, END_OF_WRITE | (write === last ? END_OF_GROUP : 0));
    }
    to.bytes.fill(0, length, total);
    return { bytes: to.bytes.subarray(0, total), length };
  }

  #room(bytes: number): Target {
    if (this.#target.bytes.length >= bytes) return this.#target;
    const larger = target(2 ** Math.ceil(Math.log2(bytes)));
    if (larger.bytes.length <= KEPT_BYTES) this.#target = larger;
    return larger;
  }
}

export interface EncodedGroup {
  /** Records and padding. */
  readonly bytes: Buffer;
  /** Bytes of the records alone. */
  readonly length: number;
}

function putWrite(to: Target, place: Placement, write: LogWrite, lastFlags: number): void {
  const { hardState, restartAt, truncateFrom, entries } = write;
  let left = recordsOf(write);
  const next = (): Placement => {
    left -= 1;
    place.flags = left === 0 ? lastFlags : 0;
    return place;
  };
  if (isEmpty(write)) putMark(to, next());
  if (hardState !== undefined) putHardState(to, next(), hardState);
  if (restartAt !== undefined) putRestart(to, next(), restartAt);
  if (truncateFrom !== undefined) putTruncate(to, next(), truncateFrom);
  for (const entry of entries) putEntry(to, next(), entry);
}

/** Every write has a record, so that one of them can end its group. */
function recordsOf(write: LogWrite): number {
  if (isEmpty(write)) return 1;
  return (
    (write.hardState === undefined ? 0 : 1) +
    (write.restartAt === undefined ? 0 : 1) +
    (write.truncateFrom === undefined ? 0 : 1) +
    write.entries.length
  );
}

function isEmpty({ hardState, restartAt, truncateFrom, entries }: LogWrite): boolean {
  const changesNothing = hardState === undefined && restartAt === undefined && truncateFrom === undefined;
  return changesNothing && entries.length === 0;
}

function groupBytes(writes: readonly LogWrite[]): number {
  let size = 0;
  for (const write of writes) {
    size += recordsOf(write) * RECORD_HEADER_BYTES + (write.hardState?.votedFor?.length ?? 0);
    for (const { data } of write.entries) size += data.byteLength;
  }
  return size;
}
