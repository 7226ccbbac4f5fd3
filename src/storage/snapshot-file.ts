import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId, LogIndex, NodeId, Term } from '../protocol/ids.ts';
import { isId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { MAX_FRAME_BYTES } from '../protocol/limits.ts';
import type { SnapshotMeta } from '../protocol/state.ts';

/**
 * The bytes of a snapshot file: frames behind each other, numbers little-endian.
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 4 | length of the body |
 * | 4 | 4 | CRC-32 of kind and body |
 * | 8 | 1 | kind: 1 header, 2 piece of the state, 3 trailer |
 * | 9 | … | body |
 *
 * The header comes first: JSON with format, cluster and what the snapshot stands for. The trailer comes last:
 * how many pieces there are, and the CRC-32 of all bytes before it. The file does not say whose it is, so that
 * a peer can take it as it is.
 */
const FRAME_HEADER_BYTES = 9;
const HEADER = 1;
const PIECE = 2;
const TRAILER = 3;
const TRAILER_BYTES = 8;

const SNAPSHOT_VERSION = 1;

const ids = z.array(z.string().refine(isId)).transform((list) => list as NodeId[]);
/** The same in every version. */
const formatSchema = z.object({ magic: z.literal('raft-manager snapshot'), version: z.int().positive() });
const headerSchema = z.object({
  clusterId: z.string(),
  index: z.int().positive(),
  term: z.int().positive(),
  configuration: z.object({
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    autoLeave: z.boolean(),
  }),
});

/** Puts the frames of one file together, in order: `header`, `piece`…, `trailer`. */
export class SnapshotEncoder {
  #crc = 0;
  #pieces = 0;

  header(clusterId: ClusterId, { index, term, configuration }: SnapshotMeta): Uint8Array {
    const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
    const header = {
      magic: 'raft-manager snapshot',
      version: SNAPSHOT_VERSION,
      clusterId,
      index,
      term,
      configuration: { voters, votersOutgoing, learners, learnersNext, autoLeave },
    };
    return this.#frame(HEADER, Buffer.from(JSON.stringify(header)));
  }

  piece(body: Uint8Array): Uint8Array {
    this.#pieces += 1;
    return this.#frame(PIECE, body);
  }

  trailer(): Uint8Array {
    const body = Buffer.alloc(TRAILER_BYTES);
    body.writeUInt32LE(this.#pieces, 0);
    body.writeUInt32LE(this.#crc, 4);
    return this.#frame(TRAILER, body);
  }

  #frame(kind: number, body: Uint8Array): Uint8Array {
    invariant(body.length <= MAX_FRAME_BYTES, 'a piece of a snapshot is far smaller than a frame');
    const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
    frame.writeUInt32LE(body.length, 0);
    frame[8] = kind;
    frame.set(body, FRAME_HEADER_BYTES);
    frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
    this.#crc = crc32(frame, this.#crc);
    return frame;
  }
}

/** What may be read: of which cluster, and what to do with each piece of the state. */
export interface SnapshotReading {
  /** For messages. */
  readonly path: string;
  readonly clusterId: ClusterId;
  onPiece(piece: Uint8Array): void;
}

/** Reads a file as it comes, in bites of any size, and believes nothing that it has not checked. */
export class SnapshotDecoder {
  readonly #reading: SnapshotReading;
  #rest: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #crc = 0;
  #pieces = 0;
  #meta: SnapshotMeta | undefined;
  #ended = false;

  constructor(reading: SnapshotReading) {
    this.#reading = reading;
  }

  /** Undefined before the header has come. */
  get meta(): SnapshotMeta | undefined {
    return this.#meta;
  }

  /** @throws SwarmError DATA_DAMAGED, DATA_FOREIGN */
  add(bytes: Uint8Array): void {
    const data = Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (;;) {
      const left = data.length - at;
      if (left < FRAME_HEADER_BYTES) break;
      const length = data.readUInt32LE(at);
      if (length > MAX_FRAME_BYTES) throw this.#damaged('a frame has an impossible length');
      if (left < FRAME_HEADER_BYTES + length) break;
      const frame = data.subarray(at, at + FRAME_HEADER_BYTES + length);
      this.#take(frame);
      at += frame.length;
      this.#offset += frame.length;
    }
    this.#rest = data.subarray(at);
  }

  /** @throws SwarmError DATA_DAMAGED when the file has not come to its end. */
  finish(): SnapshotMeta {
    if (!this.#ended || this.#meta === undefined || this.#rest.length > 0) {
      throw this.#damaged('the file is not whole');
    }
    return this.#meta;
  }

  #take(frame: Buffer): void {
    if (this.#ended) throw this.#damaged('something follows the trailer');
    if (crc32(frame.subarray(8)) !== frame.readUInt32LE(4)) throw this.#damaged('a checksum does not fit');
    const body = frame.subarray(FRAME_HEADER_BYTES);
    const kind = frame[8];
    if (this.#meta === undefined) {
      if (kind !== HEADER) throw this.#damaged('a snapshot must begin with its header');
      this.#meta = this.#readHeader(body);
    } else if (kind === PIECE) {
      this.#pieces += 1;
      this.#reading.onPiece(body);
    } else if (kind === TRAILER) this.#readTrailer(body);
    else throw this.#damaged(`a frame of kind ${kind} is unknown here`);
    this.#crc = crc32(frame, this.#crc);
  }

  #readHeader(body: Buffer): SnapshotMeta {
    const header = parseJson(body.toString('utf8'));
    const format = formatSchema.safeParse(header);
    if (!format.success) throw this.#damaged('this is no snapshot');
    if (format.data.version !== SNAPSHOT_VERSION)
      throw this.#foreign(`has format ${format.data.version}, not ${SNAPSHOT_VERSION}`);
    const parsed = headerSchema.safeParse(header);
    if (!parsed.success) throw this.#damaged('the header does not say what it should');
    const { clusterId, index, term, configuration } = parsed.data;
    const ours = this.#reading.clusterId;
    if (clusterId !== ours) throw this.#foreign(`is of cluster ${clusterId}, not of ${ours}`);
    return { index: index as LogIndex, term: term as Term, configuration };
  }

  #readTrailer(body: Buffer): void {
    const isWhole =
      body.length === TRAILER_BYTES &&
      body.readUInt32LE(0) === this.#pieces &&
      body.readUInt32LE(4) === this.#crc;
    if (!isWhole) throw this.#damaged('the trailer does not fit what is before it');
    this.#ended = true;
  }

  #foreign(what: string): SwarmError {
    const { path } = this.#reading;
    return new SwarmError('DATA_FOREIGN', `${path} ${what}`, { path });
  }

  #damaged(what: string): SwarmError {
    const { path } = this.#reading;
    return new SwarmError('DATA_DAMAGED', `${path} at byte ${this.#offset}: ${what}`, { path });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
