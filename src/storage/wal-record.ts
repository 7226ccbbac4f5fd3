import { crc32 } from 'node:zlib';
import type { Entry, EntryKind } from '../protocol/entry.ts';
import {
  type ClusterId,
  INDEX_ZERO,
  type LogIndex,
  type NodeId,
  TERM_ZERO,
  type Term,
} from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { MAX_FRAME_BYTES } from '../protocol/limits.ts';
import type { HardState, LogPosition } from '../protocol/state.ts';

/**
 * The bytes of one record of the write-ahead log. Numbers are little-endian.
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 4 | CRC-32 of everything behind it, header and body |
 * | 4 | 4 | length of the body in bytes |
 * | 8 | 1 | kind |
 * | 9 | 1 | flags: 1 = last record of a write, 2 = last record of a group |
 * | 10 | 6 | group: counts the syncs of a folder's life, from 1 |
 * | 16 | 8 | term |
 * | 24 | 8 | index; of a segment header the version of the format |
 * | 32 | … | body |
 */
export const RECORD_HEADER_BYTES = 32;

/** Version 1 had neither `restart` nor `start`. It is read, and not written any more. */
export const WAL_VERSION = 2;

export const END_OF_WRITE = 1;
export const END_OF_GROUP = 2;

/** Whose log a segment belongs to. */
export interface Owner {
  readonly clusterId: ClusterId;
  readonly nodeId: NodeId;
}

export type WalRecord =
  /** Begins every segment. */
  | { readonly kind: 'segment'; readonly version: number; readonly owner: Owner }
  /** Follows it: where the log ended then, so that the segment can stand first when those before it are gone. */
  | { readonly kind: 'start'; readonly at: LogPosition }
  /** Says nothing but that the group before it is durable. */
  | { readonly kind: 'mark' }
  | { readonly kind: 'hard-state'; readonly hardState: HardState }
  /** The log begins anew behind this place; what came before is forgotten. */
  | { readonly kind: 'restart'; readonly at: LogPosition }
  | { readonly kind: 'truncate'; readonly from: LogIndex }
  | { readonly kind: 'entry'; readonly entry: Entry };

/** A record as it lies in a segment. */
export interface PlacedRecord {
  readonly record: WalRecord;
  readonly group: number;
  readonly endsWrite: boolean;
  readonly endsGroup: boolean;
  /** Offset of the byte behind it. */
  readonly end: number;
}

/** A format's numbers: never given to something else. */
const SEGMENT = 1;
const HARD_STATE = 2;
const TRUNCATE = 3;
const ENTRY_CODE = { noop: 4, command: 5, config: 6 } as const satisfies Record<EntryKind, number>;
const MARK = 7;
const RESTART = 8;
const START = 9;
const LAST_KIND = START;
const ENTRY_KIND: Readonly<Record<number, EntryKind>> = { 4: 'noop', 5: 'command', 6: 'config' };

/** Entries come in frames, so no body is longer; a length beyond it is not one. */
const MAX_BODY_BYTES = MAX_FRAME_BYTES;

const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** Bytes to put records into, and the same bytes as numbers. */
export interface Target {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export function target(size: number): Target {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** Where a record goes, and its place among the writes and groups. */
export interface Placement {
  at: number;
  readonly group: number;
  flags: number;
}

// Each `put…` writes one record at `place.at` and moves it behind the record. No object is made per
// entry: this is the hot path.

export function putEntry(to: Target, place: Placement, { kind, term, index, data }: Entry): void {
  const body = place.at + RECORD_HEADER_BYTES;
  to.bytes.set(data, body);
  putHeader(to, place, ENTRY_CODE[kind], data.byteLength);
  putInteger(to.view, place.at + 16, term);
  putInteger(to.view, place.at + 24, index);
  seal(to, place, body + data.byteLength);
}

export function putHardState(to: Target, place: Placement, { term, votedFor }: HardState): void {
  const body = place.at + RECORD_HEADER_BYTES;
  const length = to.bytes.write(votedFor ?? '', body, 'latin1');
  putHeader(to, place, HARD_STATE, length);
  putInteger(to.view, place.at + 16, term);
  putInteger(to.view, place.at + 24, 0);
  seal(to, place, body + length);
}

export function putTruncate(to: Target, place: Placement, from: LogIndex): void {
  putBodiless(to, place, TRUNCATE, { term: TERM_ZERO, index: from });
}

export function putRestart(to: Target, place: Placement, at: LogPosition): void {
  putBodiless(to, place, RESTART, at);
}

export function putMark(to: Target, place: Placement): void {
  putBodiless(to, place, MARK, { term: TERM_ZERO, index: INDEX_ZERO });
}

/** What a log has come to where a segment begins. */
export interface SegmentStart {
  readonly hardState: HardState;
  /** The last entry. Of term 0, though there is one, when its term is not known here. */
  readonly last: LogPosition;
}

/** A segment that starts at a place whose term is not known can only stand first if the log begins anew in it. */
export function isKnown({ index, term }: LogPosition): boolean {
  return index === 0 || term > 0;
}

/**
 * The group every segment begins with. The layout of its first record is the same in every version.
 *
 * With the start and the hard state the segment says all that the ones before it did.
 */
export function encodeSegmentHeader(owner: Owner, group: number, { hardState, last }: SegmentStart): Buffer {
  const names = Buffer.from(`\0${owner.clusterId}${owner.nodeId}`, 'latin1');
  names[0] = owner.clusterId.length;
  const votes = RECORD_HEADER_BYTES + (hardState.votedFor?.length ?? 0);
  const to = target(2 * RECORD_HEADER_BYTES + names.length + votes);
  const place = { at: 0, group, flags: 0 };
  to.bytes.set(names, RECORD_HEADER_BYTES);
  putHeader(to, place, SEGMENT, names.length);
  putInteger(to.view, 16, 0);
  putInteger(to.view, 24, WAL_VERSION);
  seal(to, place, RECORD_HEADER_BYTES + names.length);
  putBodiless(to, place, START, last);
  place.flags = END_OF_WRITE | END_OF_GROUP;
  putHardState(to, place, hardState);
  return to.bytes;
}

/** What `encodeSegmentHeader` said; undefined when it is not that. */
export function decodeSegmentHeader(
  bytes: Buffer,
): { readonly owner: Owner; readonly group: number; readonly tail: SegmentStart } | undefined {
  const header = decodeRecord(bytes, 0);
  const start = header && decodeRecord(bytes, header.end);
  const vote = start && decodeRecord(bytes, start.end);
  if (header?.record.kind !== 'segment' || start?.record.kind !== 'start') return undefined;
  if (vote?.record.kind !== 'hard-state') return undefined;
  const tail = { hardState: vote.record.hardState, last: start.record.at };
  return { owner: header.record.owner, group: header.group, tail };
}

/** The record at `offset`, or undefined when there is none that is whole and unharmed. */
export function decodeRecord(bytes: Buffer, offset: number): PlacedRecord | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const kind = bytes[offset + 8] ?? 0;
  const flags = bytes[offset + 9] ?? 0;
  if (kind < SEGMENT || kind > LAST_KIND || flags > (END_OF_WRITE | END_OF_GROUP)) return undefined;
  const length = bytes.readUInt32LE(offset + 4);
  const end = offset + RECORD_HEADER_BYTES + length;
  if (length > MAX_BODY_BYTES || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(offset + 4, end)) !== bytes.readUInt32LE(offset)) return undefined;
  return {
    record: readRecord(bytes, offset, end),
    group: groupAt(bytes, offset),
    endsWrite: (flags & END_OF_WRITE) !== 0,
    endsGroup: (flags & END_OF_GROUP) !== 0,
    end,
  };
}

/** The group that a record at `offset` would belong to, if there was one. */
export function groupAt(bytes: Buffer, offset: number): number {
  return bytes.readUInt16LE(offset + 10) + bytes.readUInt32LE(offset + 12) * TWO_16;
}

function putBodiless(to: Target, place: Placement, kind: number, { term, index }: LogPosition): void {
  putHeader(to, place, kind, 0);
  putInteger(to.view, place.at + 16, term);
  putInteger(to.view, place.at + 24, index);
  seal(to, place, place.at + RECORD_HEADER_BYTES);
}

function putHeader({ view }: Target, { at, group, flags }: Placement, kind: number, length: number): void {
  invariant(length <= MAX_BODY_BYTES, 'an entry fits a frame');
  view.setUint32(at + 4, length, true);
  view.setUint8(at + 8, kind);
  view.setUint8(at + 9, flags);
  view.setUint16(at + 10, group % TWO_16, true);
  view.setUint32(at + 12, Math.floor(group / TWO_16), true);
}

/** Whole numbers up to 2^53, as two words: a BigInt would be an allocation each. */
function putInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function seal(to: Target, place: Placement, end: number): void {
  const { at } = place;
  to.view.setUint32(at, crc32(to.bytes.subarray(at + 4, end)), true);
  place.at = end;
}

function readRecord(bytes: Buffer, offset: number, end: number): WalRecord {
  const term = readInteger(bytes, offset + 16) as Term;
  const index = readInteger(bytes, offset + 24) as LogIndex;
  const body = bytes.subarray(offset + RECORD_HEADER_BYTES, end);
  const code = bytes[offset + 8] ?? 0;
  const kind = ENTRY_KIND[code];
  if (kind !== undefined) return { kind: 'entry', entry: { index, term, kind, data: body } };
  switch (code) {
    case HARD_STATE: {
      const votedFor = body.length === 0 ? undefined : (body.toString('latin1') as NodeId);
      return { kind: 'hard-state', hardState: { term, votedFor } };
    }
    case TRUNCATE:
      return { kind: 'truncate', from: index };
    case RESTART:
      return { kind: 'restart', at: { index, term } };
    case START:
      return { kind: 'start', at: { index, term } };
    case SEGMENT:
      return { kind: 'segment', version: index, owner: readOwner(body) };
    default:
      return { kind: 'mark' };
  }
}

function readOwner(body: Buffer): Owner {
  const names = body.toString('latin1', 1);
  const split = body[0] ?? 0;
  return { clusterId: names.slice(0, split) as ClusterId, nodeId: names.slice(split) as NodeId };
}

function readInteger(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_32;
}
