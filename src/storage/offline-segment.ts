import { findRecord, isCleanEnd, isTornTail } from './wal-damage.ts';
import {
  decodeRecord,
  groupAt,
  type PlacedRecord,
  RECORD_HEADER_BYTES,
  type WalRecord,
} from './wal-record.ts';

/** What a record says. */
export type RawRecord = WalRecord;

/** What one stretch of a segment is. They follow each other without a gap, from its first byte to its last. */
export type Stretch =
  /** A record that is whole, and whose checksum fits. */
  | ({ readonly type: 'record'; readonly offset: number; readonly bodyBytes: number } & PlacedRecord)
  /** Written ahead, or nothing yet. */
  | { readonly type: 'zeros'; readonly offset: number; readonly end: number }
  /** Was being written when its process was killed or the power went: nobody was told of it. */
  | { readonly type: 'torn'; readonly offset: number; readonly end: number; readonly why: string }
  /** Was there, and cannot be read any more. */
  | { readonly type: 'damaged'; readonly offset: number; readonly end: number; readonly why: string };

interface SegmentToRead {
  readonly bytes: Buffer;
  /** Another segment follows: all of this one was durable before that was begun. */
  readonly hasSuccessor: boolean;
  /** So much of it is known to have been durable. */
  readonly durableBytes: number;
}

/**
 * Reads one segment as it lies there, and goes on behind what cannot be read. Judges each bad place by this segment
 * alone; whether the segments of a folder fit each other is `checkData`'s to say.
 */
export function* readStretches(segment: SegmentToRead): Generator<Stretch> {
  const { bytes } = segment;
  let before: Before = { openGroup: 1, validBytes: 0 };
  for (let offset = 0; offset < bytes.length; ) {
    const placed = decodeRecord(bytes, offset);
    if (placed === undefined) {
      const stretch = unreadable(segment, offset, before);
      yield stretch;
      offset = stretch.end;
    } else {
      yield { type: 'record', offset, bodyBytes: placed.end - offset - RECORD_HEADER_BYTES, ...placed };
      before = after(before, placed);
      offset = placed.end;
    }
  }
}

/** What has been read up to some place. */
interface Before {
  /** The group whose turn it is. */
  readonly openGroup: number;
  /** Up to the end of the last whole write. */
  readonly validBytes: number;
}

function after({ validBytes }: Before, { end, endsGroup, endsWrite, group }: PlacedRecord): Before {
  return { openGroup: endsGroup ? group + 1 : group, validBytes: endsWrite ? end : validBytes };
}

/** From a place where no record can be read to the next one that can. */
function unreadable(
  { bytes, durableBytes, hasSuccessor }: SegmentToRead,
  offset: number,
  before: Before,
): Stretch {
  if (isCleanEnd(bytes, offset)) return { type: 'zeros', offset, end: bytes.length };
  const why = whatIsWrong(bytes, offset);
  const mayBeTorn = !hasSuccessor && offset >= durableBytes;
  // A torn group may have a readable end behind its missing sector: that goes with it.
  if (mayBeTorn && isTornTail(bytes, { offset, ...before }))
    return { type: 'torn', offset, end: bytes.length, why };
  return { type: 'damaged', offset, end: findRecord(bytes, offset + 1, 0)?.at ?? bytes.length, why };
}

/** In words, from the fields that stand where a record should. */
function whatIsWrong(bytes: Buffer, offset: number): string {
  const left = bytes.length - offset;
  if (left < RECORD_HEADER_BYTES) return `${left} bytes, too few for the header of a record`;
  const length = bytes.readUInt32LE(offset + 4);
  const kind = bytes[offset + 8] ?? 0;
  if (offset + RECORD_HEADER_BYTES + length > bytes.length) {
    return `a record of ${length} bytes is announced, and the file ends before it does`;
  }
  return `the checksum does not fit (kind ${kind}, group ${groupAt(bytes, offset)}, ${length} bytes)`;
}
