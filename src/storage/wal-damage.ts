import { SwarmError } from '../protocol/errors.ts';
import { decodeRecord, groupAt, RECORD_HEADER_BYTES } from './wal-record.ts';

/** The least a disk writes at once; the unit in which a write that a crash cut short is missing. */
const SECTOR_BYTES = 512;

/** The group of a header alone: three records, two names of at most 64 characters with a length, and a vote. */
const MAX_SEGMENT_HEADER_BYTES = 3 * RECORD_HEADER_BYTES + 1 + 64 + 64 + 64;

interface TailToJudge {
  /** Where the record lies that cannot be read. */
  readonly offset: number;
  /** The group whose turn it is there. */
  readonly openGroup: number;
  /** Bytes of the whole writes before it. */
  readonly validBytes: number;
}

/**
 * Tells what a crash cut short from what rotted. The record at `offset` cannot be read; it is the next one of
 * `openGroup`. Nobody was ever told of a group that is torn, so it may go.
 *
 * - A later group is there: then this one had been synced. Damage.
 * - A later record of the same group is there: sectors of one sync reach the disk in any order. Those that did
 *   not are still zero; where none is, they were all written and one has changed since. Damage.
 * - Nothing more is there: the tail never got here.
 */
export function isTornTail(bytes: Buffer, { offset, openGroup, validBytes }: TailToJudge): boolean {
  const next = findRecord(bytes, offset + 1, openGroup);
  // Nothing goes to a segment before its header is durable; what is longer than that is no torn header.
  if (validBytes === 0) return next === undefined && bytes.length <= MAX_SEGMENT_HEADER_BYTES;
  if (next === undefined) return true;
  if (next.group > openGroup || !hasMissingSector(bytes, offset, next.at)) return false;
  return findRecord(bytes, next.at, openGroup + 1) === undefined;
}

/** True when nothing but preallocated zeros is left at `offset`. */
export function isCleanEnd(bytes: Buffer, offset: number): boolean {
  return isZero(bytes, offset, bytes.length);
}

export function damaged(path: string, offset: number, what: string): SwarmError {
  return new SwarmError(
    'DATA_DAMAGED',
    `${path} at byte ${offset}: ${what}. Restore this folder from a copy, or keep it away from the swarm`,
    { path, offset },
  );
}

/** The first whole record at or behind `from` whose group is at least `group`. */
export function findRecord(
  bytes: Buffer,
  from: number,
  group: number,
): { readonly at: number; readonly group: number } | undefined {
  const lastAt = bytes.length - RECORD_HEADER_BYTES;
  for (let at = from; at <= lastAt; at += 1) {
    // The cheap look first: most of what is looked at is the middle of something, or zeros.
    if (bytes[at + 8] === 0 || !isPlausible(groupAt(bytes, at), group)) continue;
    if (decodeRecord(bytes, at) !== undefined) return { at, group: groupAt(bytes, at) };
  }
  return undefined;
}

/** A segment does not hold more groups than this. */
const MAX_GROUPS_AHEAD = 2 ** 24;

function isPlausible(found: number, least: number): boolean {
  return found >= least && found < least + MAX_GROUPS_AHEAD;
}

/** True when a sector's worth of zeros lies in `[from, to)`; the first sector counts from `from` on. */
function hasMissingSector(bytes: Buffer, from: number, to: number): boolean {
  for (let start = from; ; ) {
    const end = (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES;
    if (end > to) return false;
    if (isZero(bytes, start, end)) return true;
    start = end;
  }
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
