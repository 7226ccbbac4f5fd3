import { crc32 } from 'node:zlib';
import { type Entry, type EntryKind, NO_DATA } from '../protocol/entry.ts';
import type { ClusterId, LogIndex, NodeId, Term } from '../protocol/ids.ts';
import type { HardState, LogWrite } from '../protocol/state.ts';

/**
 * The bytes of the write-ahead log. All numbers are little-endian.
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 4 | CRC-32 of everything behind it, header and body |
 * | 4 | 4 | length of the body |
 * | 8 | 1 | kind of record |
 * | 9 | 1 | kind of entry, for entries |
 * | 10 | 1 | 1 on the last record of a group |
 * | 11 | 1 | 0 |
 * | 12 | 4 | group: counts the syncs of a folder's life |
 * | 16 | 8 | term |
 * | 24 | 8 | index |
 * | 32 | … | body |
 */
export const RECORD_HEADER_BYTES = 32;

export const WAL_VERSION = 1;

/** Whose log a segment belongs to. */
export interface Owner {
  readonly clusterId: ClusterId;
  readonly nodeId: NodeId;
}

export type WalRecord =
  | { readonly kind: 'segment'; readonly version: number; readonly owner: Owner }
  | { readonly kind: 'hard-state'; readonly hardState: HardState }
  | { readonly kind: 'truncate'; readonly from: LogIndex }
  | { readonly kind: 'entry'; readonly entry: Entry };

/** A record as it lies in a segment. */
export interface PlacedRecord {
  readonly record: WalRecord;
  readonly group: number;
  readonly endsGroup: boolean;
  /** Offset of the byte behind it. */
  readonly end: number;
}

const KIND = { segment: 1, 'hard-state': 2, truncate: 3, entry: 4 } as const;
const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'command', 'config'];

/** Encodes writes as one group in one buffer: one write call, one sync. */
export function encodeGroup(writes: readonly LogWrite[], group: number): Buffer {
  const buffer = Buffer.allocUnsafe(groupSize(writes));
  let at = 0;
  let last = 0;
  const put = (kind: number, fields: Partial<RecordFields>): void => {
    last = at;
    at = putRecord(buffer, at, { kind, group, term: 0, index: 0, entryKind: 0, body: NO_DATA, ...fields });
  };
  for (const { hardState, truncateFrom, entries } of writes) {
    if (truncateFrom !== undefined) put(KIND.truncate, { index: truncateFrom });
    for (const { data, index, kind, term } of entries) {
      last = at;
      at = putRecord(buffer, at, {
        kind: KIND.entry,
        group,
        term,
        index,
        entryKind: ENTRY_KINDS.indexOf(kind),
        body: data,
      });
    }
    if (hardState !== undefined)
      put(KIND['hard-state'], { term: hardState.term, body: voteBytes(hardState) });
  }
  markGroupEnd(buffer, last, at);
  return buffer;
}

/** The record every segment begins with, a group of its own. */
export function encodeSegmentHeader(owner: Owner, group: number): Buffer {
  const body = Buffer.from(JSON.stringify({ version: WAL_VERSION, ...owner }));
  const buffer = Buffer.allocUnsafe(RECORD_HEADER_BYTES + body.length);
  putRecord(buffer, 0, { kind: KIND.segment, group, term: 0, index: 0, entryKind: 0, body });
  markGroupEnd(buffer, 0, buffer.length);
  return buffer;
}

/** The record at `offset`, or undefined when there is none that is whole and unharmed. */
export function decodeRecord(bytes: Buffer, offset: number): PlacedRecord | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const end = offset + RECORD_HEADER_BYTES + bytes.readUInt32LE(offset + 4);
  if (end > bytes.length) return undefined;
  if (crc32(bytes.subarray(offset + 4, end)) !== bytes.readUInt32LE(offset)) return undefined;
  const record = readRecord(bytes, offset, end);
  if (record === undefined) return undefined;
  return {
    record,
    group: bytes.readUInt32LE(offset + 12),
    endsGroup: bytes[offset + 10] === 1,
    end,
  };
}

interface RecordFields {
  readonly kind: number;
  readonly group: number;
  readonly term: number;
  readonly index: number;
  readonly entryKind: number;
  readonly body: Uint8Array;
}

function putRecord(buffer: Buffer, at: number, fields: RecordFields): number {
  const { kind, group, term, index, entryKind, body } = fields;
  const end = at + RECORD_HEADER_BYTES + body.length;
  buffer.writeUInt32LE(body.length, at + 4);
  buffer.writeUInt32LE(kind | (entryKind << 8), at + 8);
  buffer.writeUInt32LE(group, at + 12);
  putInteger(buffer, term, at + 16);
  putInteger(buffer, index, at + 24);
  buffer.set(body, at + RECORD_HEADER_BYTES);
  buffer.writeUInt32LE(crc32(buffer.subarray(at + 4, end)), at);
  return end;
}

function markGroupEnd(buffer: Buffer, at: number, end: number): void {
  if (end === at) return;
  buffer[at + 10] = 1;
  buffer.writeUInt32LE(crc32(buffer.subarray(at + 4, end)), at);
}

function readRecord(bytes: Buffer, offset: number, end: number): WalRecord | undefined {
  const term = readInteger(bytes, offset + 16) as Term;
  const index = readInteger(bytes, offset + 24) as LogIndex;
  const body = bytes.subarray(offset + RECORD_HEADER_BYTES, end);
  switch (bytes[offset + 8]) {
    case KIND.entry: {
      const kind = ENTRY_KINDS[bytes[offset + 9] ?? 0];
      return kind === undefined ? undefined : { kind: 'entry', entry: { index, term, kind, data: body } };
    }
    case KIND['hard-state']: {
      const vote = body.toString('utf8');
      return {
        kind: 'hard-state',
        hardState: { term, votedFor: vote === '' ? undefined : (vote as NodeId) },
      };
    }
    case KIND.truncate:
      return { kind: 'truncate', from: index };
    case KIND.segment: {
      const { version, clusterId, nodeId } = JSON.parse(body.toString('utf8')) as Owner & { version: number };
      return { kind: 'segment', version, owner: { clusterId, nodeId } };
    }
    default:
      return undefined;
  }
}

function groupSize(writes: readonly LogWrite[]): number {
  let size = 0;
  for (const { hardState, truncateFrom, entries } of writes) {
    if (truncateFrom !== undefined) size += RECORD_HEADER_BYTES;
    if (hardState !== undefined) size += RECORD_HEADER_BYTES + voteBytes(hardState).length;
    for (const { data } of entries) size += RECORD_HEADER_BYTES + data.byteLength;
  }
  return size;
}

function voteBytes({ votedFor }: HardState): Buffer {
  return Buffer.from(votedFor ?? '', 'utf8');
}

/** Up to 2^53, as two words: BigInt would cost an allocation each. */
function putInteger(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readInteger(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}
