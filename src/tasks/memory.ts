/**
 * A map that holds no more than `limit` keys: a new one takes the place of the oldest. In order of first use.
 *
 * One iterator stays where the oldest key is. A new one would begin at the front each time, and step over all that was
 * removed there since the map was last laid out anew: of ten thousand keys that is more than all else a command costs.
 */
export class Memory<Value> {
  readonly #limit: number;
  readonly #entries = new Map<string, Value>();
  readonly #oldest = this.#entries.keys();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** A key that is there already stays in its place. */
  set(key: string, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    const oldest = this.#oldest.next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** The oldest first. */
  [Symbol.iterator](): Iterator<[string, Value]> {
    return this.#entries[Symbol.iterator]();
  }
}
