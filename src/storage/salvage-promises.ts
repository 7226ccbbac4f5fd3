import { isBefore, type LogPosition } from '../protocol/state.ts';
import type { SalvageNote } from './salvage-note.ts';
import { isCleanEnd, isTornTail } from './wal-damage.ts';
import { decodeRecord, isKnown, type Owner, type SegmentStart, type WalRecord } from './wal-record.ts';
import type { Segment } from './wal-replay.ts';
import type { Witnessed } from './wal-witness.ts';

/** What the node had promised when the log was last written to. */
type LogPromises = Pick<SalvageNote, 'floor' | 'hardState'>;

/**
 * Where a damaged log ended, and term and vote there: as the second mark says, and as is said behind it. Undefined when what
 * lies behind the mark cannot be read either: a vote may be among it.
 */
export function endOfLog(
  owner: Owner,
  segments: readonly Segment[],
  witnessed: Witnessed | undefined,
): LogPromises | undefined {
  if (witnessed === undefined || !isOf(owner, witnessed)) return undefined;
  const first = segments.findIndex(({ number }) => number === witnessed.segment);
  if (first < 0 || (segments[first]?.bytes.length ?? 0) < witnessed.bytes) return undefined;
  let end: Reading = { ...startingAt(witnessed.tail), group: witnessed.group };
  let offset = witnessed.bytes;
  for (const [at, segment] of segments.slice(first).entries()) {
    if (segment.number !== witnessed.segment + at) return undefined;
    const next = readOn(segment.bytes, offset, { end, isLast: first + at === segments.length - 1 });
    if (next === undefined) return undefined;
    end = next;
    offset = 0;
  }
  return { floor: end.floor, hardState: end.hardState };
}

/** The folder may be another node's, and the header that says so among what cannot be read. */
function isOf({ clusterId, nodeId }: Owner, { owner }: Witnessed): boolean {
  return owner.clusterId === clusterId && owner.nodeId === nodeId;
}

interface Reading extends LogPromises {
  /** Number of the last group. */
  readonly group: number;
}

/** Takes in what a segment says from `from` on; undefined when part of that is damaged. */
function readOn(
  bytes: Buffer,
  from: number,
  { end, isLast }: { readonly end: Reading; readonly isLast: boolean },
): Reading | undefined {
  let { group, ...promises } = end;
  let [offset, validBytes] = [from, from];
  let isOpen = false;
  for (let placed = decodeRecord(bytes, offset); placed !== undefined; placed = decodeRecord(bytes, offset)) {
    promises = following(promises, placed.record);
    group = placed.group;
    isOpen = !placed.endsGroup;
    offset = placed.end;
    if (placed.endsWrite) validBytes = offset;
  }
  const openGroup = isOpen ? group : group + 1;
  const isSound = isLast ? isTornTail(bytes, { offset, openGroup, validBytes }) : isCleanEnd(bytes, offset);
  return isSound ? { ...promises, group } : undefined;
}

function startingAt({ hardState, last }: SegmentStart): LogPromises {
  // Of an entry whose term is not known it is certain that it is not of a later term than the node.
  return { hardState, floor: isKnown(last) ? last : { ...last, term: hardState.term } };
}

/** A floor that is too high keeps the node from voting for longer; one that is too low would not keep it long enough. */
function following({ hardState, floor }: LogPromises, record: WalRecord): LogPromises {
  switch (record.kind) {
    case 'hard-state':
      return { hardState: record.hardState, floor };
    case 'entry':
      return { hardState, floor: later(floor, { index: record.entry.index, term: record.entry.term }) };
    case 'restart':
      return { hardState, floor: later(floor, record.at) };
    default:
      return { hardState, floor };
  }
}

function later(left: LogPosition, right: LogPosition): LogPosition {
  return isBefore(left, right) ? right : left;
}
