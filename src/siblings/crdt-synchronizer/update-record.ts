import { crc32 } from 'node:zlib';

/** What lies in a file of documents, one record behind the other. */
export type UpdateRecord =
  | { readonly type: 'update'; readonly name: string; readonly update: Uint8Array }
  /** Who has written what is made here from now on. */
  | { readonly type: 'life'; readonly client: number; readonly actor: string }
  /** That life has ended in order: the next one may go on with it. */
  | { readonly type: 'sealed' }
  /** The file is whole: so many records lie before this one. */
  | { readonly type: 'end'; readonly records: number };

/**
 * - `whole`: it ends with a record.
 * - `torn`: a write was cut off by the end of the process or the machine, before it was acknowledged.
 * - `damaged`: something that was written whole is not what it was.
 */
export type Ending = 'whole' | 'torn' | 'damaged';

export const FILE_HEADER = Buffer.from('rmcrdt1\n', 'latin1');

const UPDATE = 1;
const LIFE = 2;
const SEALED = 3;
const END = 4;

/** Length of the body, CRC-32 of the body. */
const FRAME_BYTES = 8;

export function encodeRecord(record: UpdateRecord): Buffer {
  const body = bodyOf(record);
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeUInt32LE(body.length, 0);
  frame.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([frame, body]);
}

/** Calls back with every record up to the first that is not whole. */
export function readRecords(bytes: Buffer, onRecord: (record: UpdateRecord) => void): Ending {
  if (!bytes.subarray(0, FILE_HEADER.length).equals(FILE_HEADER)) return beginning(bytes);
  for (let at = FILE_HEADER.length; at < bytes.length; ) {
    const end = at + FRAME_BYTES > bytes.length ? Infinity : at + FRAME_BYTES + bytes.readUInt32LE(at);
    if (end > bytes.length) return endingBehind(bytes, at);
    const body = bytes.subarray(at + FRAME_BYTES, end);
    const record = crc32(body) === bytes.readUInt32LE(at + 4) ? recordOf(body) : undefined;
    // Of a write that was cut off a file system may have kept the length without the bytes.
    if (record === undefined) return isBlank(bytes.subarray(at)) ? 'torn' : 'damaged';
    onRecord(record);
    at = end;
  }
  return 'whole';
}

/** Where a length has rotted it may point beyond the end, as that of a write that was cut off does: but nothing whole lies behind one. */
function endingBehind(bytes: Buffer, torn: number): Ending {
  for (let at = torn + 1; at + FRAME_BYTES < bytes.length; at += 1) {
    const begin = at + FRAME_BYTES;
    const end = begin + bytes.readUInt32LE(at);
    const kind = bytes[begin] ?? 0;
    if (end > bytes.length || end === begin || kind < UPDATE || kind > END) continue;
    if (crc32(bytes.subarray(begin, end)) === bytes.readUInt32LE(at + 4)) return 'damaged';
  }
  return 'torn';
}

/** Of a file without its header. */
function beginning(bytes: Buffer): Ending {
  return FILE_HEADER.subarray(0, bytes.length).equals(bytes) || isBlank(bytes) ? 'torn' : 'damaged';
}

function bodyOf(record: UpdateRecord): Buffer {
  switch (record.type) {
    case 'update': {
      const name = Buffer.from(record.name, 'latin1');
      return Buffer.concat([Buffer.from([UPDATE, name.length]), name, record.update]);
    }
    case 'life': {
      const head = Buffer.alloc(5);
      head.writeUInt8(LIFE, 0);
      head.writeUInt32LE(record.client, 1);
      return Buffer.concat([head, Buffer.from(record.actor, 'latin1')]);
    }
    case 'sealed':
      return Buffer.from([SEALED]);
    case 'end': {
      const body = Buffer.alloc(5);
      body.writeUInt8(END, 0);
      body.writeUInt32LE(record.records, 1);
      return body;
    }
  }
}

function recordOf(body: Buffer): UpdateRecord | undefined {
  const [kind, second = 0] = body;
  if (kind === UPDATE && body.length >= 2 + second) {
    const update = new Uint8Array(body.subarray(2 + second));
    return { type: 'update', name: body.toString('latin1', 2, 2 + second), update };
  }
  if (kind === LIFE && body.length > 5) {
    return { type: 'life', client: body.readUInt32LE(1), actor: body.toString('latin1', 5) };
  }
  if (kind === SEALED && body.length === 1) return { type: 'sealed' };
  if (kind === END && body.length === 5) return { type: 'end', records: body.readUInt32LE(1) };
  return undefined;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
