import type { Outcome } from '../protocol/errors.ts';
import { invariant } from '../protocol/invariant.ts';
import { type ByteReader, readAll } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { SEQUENCE_BYTES } from './sequence.ts';

/** Bodies are opaque here: the layer above says what a kind means and how its body is encoded. */
export interface ClientRequest {
  /** 1 to 2^32 - 1, chosen by the client, unique among its unanswered requests. */
  readonly requestId: number;
  /** 0 to 255. */
  readonly kind: number;
  readonly body: Uint8Array;
}

/** The answer to one request, or with `PUSH_ID` something the client did not ask for. */
export interface ClientResponse {
  readonly requestId: number;
  readonly status: number;
  readonly body: Uint8Array;
}

export const PUSH_ID = 0;

export const STATUS_OK = 0;
/** The body says what went wrong. */
export const STATUS_ERROR = 1;
/** Never on the wire: the link closed before the answer came, and the outcome is not known. */
export const STATUS_LINK_CLOSED = 2;

/** Id, kind or status, length of the body. */
export const RECORD_HEADER_BYTES = 4 + 1 + 4;

/** One frame of all that a client asks in one turn. */
export function encodeRequests(requests: readonly ClientRequest[], number?: number): Buffer {
  const writer = frameOf(requests, number);
  for (const { requestId, kind, body } of requests) {
    invariant(requestId !== PUSH_ID, 'request id 0 is for pushes');
    writer.u32(requestId);
    writer.u8(kind);
    writer.block(body);
  }
  return writer.finish();
}

/** One frame of all that a server answers and pushes to one client in one turn. */
export function encodeResponses(responses: readonly ClientResponse[], number?: number): Buffer {
  const writer = frameOf(responses, number);
  for (const { requestId, status, body } of responses) {
    writer.u32(requestId);
    writer.u8(status);
    writer.block(body);
  }
  return writer.finish();
}

/** Bodies are views of `bytes`. Errors: `MALFORMED`; `OUT_OF_SEQUENCE` when number `expected` was to come. */
export function decodeRequests(bytes: Uint8Array, expected?: number): Outcome<readonly ClientRequest[]> {
  return readAll(bytes, (reader) => readRecords(reader, readRequest, expected));
}

/** Bodies are views of `bytes`. Errors: `MALFORMED`; `OUT_OF_SEQUENCE` when number `expected` was to come. */
export function decodeResponses(bytes: Uint8Array, expected?: number): Outcome<readonly ClientResponse[]> {
  return readAll(bytes, (reader) => readRecords(reader, readResponse, expected));
}

function readRecords<T>(
  reader: ByteReader,
  readRecord: (reader: ByteReader) => T,
  expected: number | undefined,
): readonly T[] {
  if (expected !== undefined) reader.number(expected);
  const records: T[] = [];
  while (reader.remaining > 0) records.push(readRecord(reader));
  return records;
}

function readRequest(reader: ByteReader): ClientRequest {
  const requestId = reader.u32();
  if (requestId === PUSH_ID) throw reader.malformed('request id 0 is for pushes');
  return { requestId, kind: reader.u8(), body: reader.block() };
}

function readResponse(reader: ByteReader): ClientResponse {
  const requestId = reader.u32();
  const status = reader.u8();
  if (status > STATUS_ERROR) throw reader.malformed(`unknown status ${status}`);
  return { requestId, status, body: reader.block() };
}

/** A frame to be filled; `number`: of the frame, where the link numbers them. */
function frameOf(records: readonly { readonly body: Uint8Array }[], number: number | undefined): ByteWriter {
  const writer = new ByteWriter(framedSize(records) + (number === undefined ? 0 : SEQUENCE_BYTES));
  if (number !== undefined) writer.u64(number);
  return writer;
}

function framedSize(records: readonly { readonly body: Uint8Array }[]): number {
  let size = records.length * RECORD_HEADER_BYTES;
  for (const record of records) size += record.body.length;
  return size;
}
