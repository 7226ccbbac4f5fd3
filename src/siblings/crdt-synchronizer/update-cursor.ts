import { SwarmError } from '../../protocol/errors.ts';

/** A place in bytes that goes on only as far as there are any. */
export class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed('it is cut off');
    this.#at += 1;
    return byte;
  }

  /** Seven bits in each byte, the lowest first. */
  number(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('a number is too large');
      if (byte < 128) return value;
    }
  }

  skipNumbers(count: number): void {
    for (let left = count; left > 0; left -= 1) this.number();
  }

  /** Of things of which each takes a byte or more. */
  count(): number {
    const count = this.number();
    const left = this.#bytes.length - this.#at;
    if (count > left) throw malformed(`it says that ${count} follow, and has ${left} bytes`);
    return count;
  }

  skip(count: number): void {
    if (count > this.#bytes.length - this.#at) throw malformed('it is cut off');
    this.#at += count;
  }

  /** Bytes behind their number. */
  skipBytes(): number {
    const count = this.count();
    this.skip(count);
    return count;
  }

  checkEnd(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw malformed(`${left} bytes follow its end`);
  }
}

export function malformed(message: string): SwarmError {
  return new SwarmError('MALFORMED', message);
}
