/**
 * FNV-1a, 64 bit (Fowler, Noll, Vo), carried on over everything the machine has done. Its step takes
 * a UTF-16 code unit or a 32-bit word where the original takes an octet: equal for ASCII text, and
 * still one-to-one in the state, so that two histories which part stay apart.
 *
 * Finds replicas that diverged by accident. It is no protection against somebody who looks for collisions.
 */
export class RunningHash {
  // Two signed 32-bit halves: V8 keeps those without allocating, as it does neither a BigInt nor 2^31 and above.
  #high = 0xcbf29ce4 | 0;
  #low = 0x84222325 | 0;

  /** Goes on from where `hex` was taken. */
  static from(hex: string): RunningHash {
    const hash = new RunningHash();
    hash.#high = Number.parseInt(hex.slice(0, 8), 16) | 0;
    hash.#low = Number.parseInt(hex.slice(8), 16) | 0;
    return hash;
  }

  /** 16 lower-case hexadecimal digits. */
  get hex(): string {
    return hexWord(this.#high) + hexWord(this.#low);
  }

  /** Folds the code units alone; `value` marks where a text ends. */
  text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#step(text.charCodeAt(at));
  }

  /** Folds an integer up to 2^53. */
  integer(value: number): void {
    this.#step(value >>> 0);
    this.#step(Math.floor(value / WORD) >>> 0);
  }

  /** Folds plain data: kind, length and content, so that no two different values fold alike. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.#step(TAG.number);
        return this.integer(value);
      case 'string':
        this.#step(TAG.text);
        this.text(value);
        return this.#step(value.length);
      case 'boolean':
        return this.#step(value ? TAG.true : TAG.false);
      case 'object':
        return value === null ? this.#step(TAG.nothing) : this.#structure(value);
      default:
        return this.#step(TAG.nothing);
    }
  }

  #structure(value: object): void {
    if (value instanceof Uint8Array) {
      this.#step(TAG.bytes);
      for (const byte of value) this.#step(byte);
      return this.#step(value.length);
    }
    if (Array.isArray(value)) {
      this.#step(TAG.list);
      for (const item of value) this.value(item);
      return this.#step(value.length);
    }
    this.#step(TAG.record);
    let size = 0;
    const fields = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(fields)) {
      this.value(name);
      this.value(fields[name]);
      size++;
    }
    this.#step(size);
  }

  /** (state xor word) × (2^40 + 0x1b3) modulo 2^64. The low half is multiplied in 16-bit pieces, whose products are small. */
  #step(word: number): void {
    const mixed = this.#low ^ word;
    const lower = (mixed & 0xffff) * 0x1b3;
    const upper = (mixed >>> 16) * 0x1b3 + (lower >>> 16);
    this.#low = (upper << 16) | (lower & 0xffff);
    this.#high = (Math.imul(this.#high, 0x1b3) + (upper >>> 16) + (mixed << 8)) | 0;
  }
}

function hexWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

const WORD = 2 ** 32;

const TAG = { nothing: 1, false: 2, true: 3, number: 4, text: 5, list: 6, record: 7, bytes: 8 } as const;
