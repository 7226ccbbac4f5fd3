import { NO_DATA } from '../protocol/entry.ts';
import { type ErrorCode, type Outcome, SwarmError } from '../protocol/errors.ts';

const TWO_POW_32 = 0x1_0000_0000;
/** High words at and above this stand for numbers over 2^53 - 1. */
const UNSAFE_HIGH_WORD = 0x20_0000;

const FAULTS: ReadonlySet<ErrorCode> = new Set(['MALFORMED', 'OUT_OF_SEQUENCE']);

/**
 * Reads bytes that somebody else chose. Each method throws `MALFORMED` rather than read past the end;
 * `readAll` is where that ends.
 */
export class ByteReader {
  private readonly view: DataView;
  private readonly buffer: ArrayBufferLike;
  private readonly start: number;
  private readonly length: number;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    // Kept apart: the getters of a typed array cost more than the reads they serve.
    this.buffer = bytes.buffer;
    this.start = bytes.byteOffset;
    this.length = bytes.byteLength;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.length - this.offset;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  /** An integer from 0 to 2^53 - 1. */
  u64(): number {
    const at = this.advance(8);
    const high = this.view.getUint32(at + 4, true);
    if (high >= UNSAFE_HIGH_WORD) throw this.malformed('a number over 2^53-1');
    return high * TWO_POW_32 + this.view.getUint32(at, true);
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw this.malformed(`${value} where 0 or 1 is expected`);
    return value === 1;
  }

  /** Length and content; the content is a view of the frame, not a copy. */
  block(): Uint8Array {
    const length = this.u32();
    if (length === 0) return NO_DATA;
    const at = this.advance(length);
    return new Uint8Array(this.buffer, this.start + at, length);
  }

  /**
   * How many items follow, each at least `minimumBytes` long. Checked against what is left before
   * anybody allocates for them.
   */
  count(minimumBytes: number): number {
    const count = this.u32();
    if (count * minimumBytes > this.remaining) {
      throw this.malformed(`a count of ${count} with ${this.remaining} bytes left`);
    }
    return count;
  }

  /** The number of the frame, which must be the one that was to come. Throws `OUT_OF_SEQUENCE`. */
  number(expected: number): void {
    const number = this.u64();
    if (number === expected) return;
    const where = Math.abs(number - expected) < 2 ** 32 ? `${number - expected} off` : 'of another link';
    const message = `a frame came out of order: its number is ${where}`;
    throw new SwarmError('OUT_OF_SEQUENCE', message, { offset: number - expected });
  }

  malformed(what: string): SwarmError {
    return new SwarmError('MALFORMED', `malformed frame at byte ${this.offset}: ${what}`, {
      offset: this.offset,
    });
  }

  private advance(length: number): number {
    const at = this.offset;
    if (length > this.length - at) throw this.malformed(`${length} bytes expected, ${this.remaining} left`);
    this.offset = at + length;
    return at;
  }
}

/** Runs `read` over `bytes`: what it made of them, or its `MALFORMED` or `OUT_OF_SEQUENCE`. */
export function readAll<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): Outcome<T> {
  try {
    return { ok: true, value: read(new ByteReader(bytes)) };
  } catch (error) {
    // Anything else is a bug of ours, and hiding it as the peer's fault would keep it alive.
    if (error instanceof SwarmError && FAULTS.has(error.code)) return { ok: false, error };
    throw error;
  }
}
