import type { Entry } from '../protocol/entry.ts';
import type { Outcome } from '../protocol/errors.ts';
import { type LogIndex, logIndex, type NodeId, type Term, term } from '../protocol/ids.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES } from '../protocol/limits.ts';
import type { AppendRequest, Message, SnapshotChunk } from '../protocol/message.ts';
import { type ByteReader, readAll } from './byte-reader.ts';
import * as layout from './layout.ts';

/** The two ends of the link that a frame came through. */
export interface LinkEnds {
  readonly from: NodeId;
  readonly to: NodeId;
}

/**
 * The trust boundary: bytes of a peer become messages, or one `MALFORMED` that says where; or `OUT_OF_SEQUENCE`, when
 * another frame than number `expected` of the link was to come.
 *
 * Never throws and never allocates more than a small multiple of `bytes`. Entry data and commands
 * are views of `bytes`, which must not be reused by the caller.
 */
export function decodeMessages(
  bytes: Uint8Array,
  ends: LinkEnds,
  expected?: number,
): Outcome<readonly Message[]> {
  return readAll(bytes, (reader) => {
    const format = reader.u8();
    const right = expected === undefined ? layout.FRAME_FORMAT : layout.NUMBERED_FRAME_FORMAT;
    if (format !== right) throw reader.malformed(`frame format ${format}, expected ${right}`);
    if (expected !== undefined) reader.number(expected);
    const messages: Message[] = [];
    while (reader.remaining > 0) messages.push(readMessage(reader, ends));
    return messages;
  });
}

function readMessage(reader: ByteReader, { from, to }: LinkEnds): Message {
  const code = reader.u8();
  const envelope = { from, to, term: readTerm(reader) };
  switch (code) {
    case layout.APPEND_REQUEST:
      return readAppend(reader, envelope);
    case layout.APPEND_ACCEPTED: {
      const result = { kind: 'accepted', matchIndex: readIndex(reader) } as const;
      return { type: 'append-response', ...envelope, result };
    }
    case layout.APPEND_REJECTED: {
      const rejectedIndex = readIndex(reader);
      const hintIndex = readIndex(reader);
      const result = { kind: 'rejected', rejectedIndex, hintIndex, hintTerm: readTerm(reader) } as const;
      return { type: 'append-response', ...envelope, result };
    }
    case layout.VOTE_REQUEST:
      return { type: 'vote-request', ...envelope, ...readCandidacy(reader) };
    case layout.PRE_VOTE_REQUEST:
      return { type: 'pre-vote-request', ...envelope, ...readCandidacy(reader) };
    case layout.VOTE_RESPONSE:
      return { type: 'vote-response', ...envelope, granted: reader.flag() };
    case layout.PRE_VOTE_RESPONSE:
      return { type: 'pre-vote-response', ...envelope, granted: reader.flag() };
    case layout.HEARTBEAT:
      return { type: 'heartbeat', ...envelope, commitIndex: readIndex(reader), round: reader.u64() };
    case layout.HEARTBEAT_RESPONSE: {
      const round = reader.u64();
      return { type: 'heartbeat-response', ...envelope, round, standing: readName(reader, layout.STANDINGS) };
    }
    case layout.COMMIT_NOTICE:
      return { type: 'commit-notice', ...envelope, commitIndex: readIndex(reader) };
    case layout.READ_REQUEST:
      return { type: 'read-request', ...envelope, context: reader.u64() };
    case layout.READ_RESPONSE:
      return { type: 'read-response', ...envelope, context: reader.u64(), index: readOptionalIndex(reader) };
    case layout.SNAPSHOT_CHUNK:
      return readSnapshotChunk(reader, envelope);
    case layout.SNAPSHOT_ANSWER: {
      const index = readIndex(reader);
      const heldBytes = reader.u64();
      const status = readName(reader, layout.SNAPSHOT_STATUSES);
      return { type: 'snapshot-answer', ...envelope, index, status, heldBytes };
    }
    case layout.TIMEOUT_NOW:
      return { type: 'timeout-now', ...envelope };
    case layout.PROPOSAL_FORWARD:
      return { type: 'proposal-forward', ...envelope, batch: reader.u64(), commands: readBlocks(reader) };
    case layout.PROPOSAL_RECEIPT:
      return {
        type: 'proposal-receipt',
        ...envelope,
        batch: reader.u64(),
        firstIndex: readOptionalIndex(reader),
      };
    case layout.PROPOSAL_REFUSAL: {
      const batch = reader.u64();
      return { type: 'proposal-refusal', ...envelope, batch, code: readName(reader, layout.REFUSAL_CODES) };
    }
    default:
      throw reader.malformed(`unknown message type ${code}`);
  }
}

function readAppend(reader: ByteReader, envelope: LinkEnds & { readonly term: Term }): AppendRequest {
  const prevLogIndex = readIndex(reader);
  const prevLogTerm = readTerm(reader);
  const commitIndex = readIndex(reader);
  const entries = readEntries(reader, prevLogIndex);
  return { type: 'append-request', ...envelope, prevLogIndex, prevLogTerm, entries, commitIndex };
}

function readEntries(reader: ByteReader, prevLogIndex: LogIndex): readonly Entry[] {
  const count = reader.count(layout.ENTRY_HEADER_BYTES);
  if (prevLogIndex > Number.MAX_SAFE_INTEGER - count) throw reader.malformed('an index over 2^53-1');
  const entries: Entry[] = [];
  for (let i = 1; i <= count; i++) {
    const entryTerm = readTerm(reader);
    const kind = readName(reader, layout.ENTRY_KINDS);
    entries.push({ index: logIndex(prevLogIndex + i), term: entryTerm, kind, data: reader.block() });
  }
  return entries;
}

function readSnapshotChunk(reader: ByteReader, envelope: LinkEnds & { readonly term: Term }): SnapshotChunk {
  const index = readIndex(reader);
  const snapshotTerm = readTerm(reader);
  const totalBytes = reader.u64();
  const offset = reader.u64();
  const crc = reader.u32();
  const data = reader.block();
  if (data.length > MAX_SNAPSHOT_CHUNK_BYTES) throw reader.malformed(`a chunk of ${data.length} bytes`);
  if (offset > totalBytes - data.length) throw reader.malformed('a chunk beyond the end of its snapshot');
  return { type: 'snapshot-chunk', ...envelope, index, snapshotTerm, totalBytes, offset, data, crc };
}

function readCandidacy(reader: ByteReader) {
  return { lastLogIndex: readIndex(reader), lastLogTerm: readTerm(reader), transfer: reader.flag() };
}

function readBlocks(reader: ByteReader): readonly Uint8Array[] {
  const count = reader.count(layout.BLOCK_HEADER_BYTES);
  const blocks: Uint8Array[] = [];
  for (let i = 0; i < count; i++) blocks.push(reader.block());
  return blocks;
}

function readName<Name extends string>(reader: ByteReader, names: readonly Name[]): Name {
  const code = reader.u8();
  const name = names[code];
  if (name === undefined) throw reader.malformed(`${code} where one of ${names.join(', ')} is expected`);
  return name;
}

function readOptionalIndex(reader: ByteReader): LogIndex | undefined {
  return reader.flag() ? readIndex(reader) : undefined;
}

function readIndex(reader: ByteReader): LogIndex {
  return logIndex(reader.u64());
}

function readTerm(reader: ByteReader): Term {
  return term(reader.u64());
}
