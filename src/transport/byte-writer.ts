import { invariant } from '../protocol/invariant.ts';

const TWO_POW_32 = 0x1_0000_0000;

/**
 * Fills one buffer of a size computed beforehand; little-endian.
 *
 * Every method breaks an invariant rather than write past the end or a number that would not come
 * back: both are bugs of the caller.
 */
export class ByteWriter {
  readonly bytes: Buffer;
  private readonly view: DataView;
  private offset = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  u8(value: number): void {
    this.view.setUint8(this.offset, value);
    this.offset += 1;
  }

  u32(value: number): void {
    this.view.setUint32(this.offset, value, true);
    this.offset += 4;
  }

  /** Indexes, terms and counters: integers from 0 to 2^53 - 1. */
  u64(value: number): void {
    invariant(
      Number.isSafeInteger(value) && value >= 0,
      'a number on the wire is an integer from 0 to 2^53-1',
    );
    this.view.setUint32(this.offset, value >>> 0, true);
    this.view.setUint32(this.offset + 4, (value / TWO_POW_32) >>> 0, true);
    this.offset += 8;
  }

  /** Length and content. */
  block(data: Uint8Array): void {
    // `length`, not `byteLength`: the same number here, and V8 reads it several times faster.
    const length = data.length;
    this.view.setUint32(this.offset, length, true);
    this.bytes.set(data, this.offset + 4);
    this.offset += 4 + length;
  }

  /** The buffer, once it is full: a frame with unwritten bytes would leak old memory to the peer. */
  finish(): Buffer {
    invariant(this.offset === this.bytes.byteLength, 'a frame is exactly as long as was computed');
    return this.bytes;
  }
}
