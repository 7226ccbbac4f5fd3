/** Sorts by `major`, then by `minor`; the pair is unique within one set. */
export interface Slot {
  readonly major: number;
  readonly minor: number;
  readonly id: string;
}

/**
 * Slots in order, kept in sorted chunks: adding, removing and taking the first cost a search and a
 * move within one chunk, also with a hundred thousand slots.
 */
export class OrderedSet {
  readonly #chunks: Slot[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  first(): Slot | undefined {
    return this.#chunks[0]?.[0];
  }

  last(): Slot | undefined {
    return this.#chunks.at(-1)?.at(-1);
  }

  /** False when the slot was there already. */
  add(slot: Slot): boolean {
    if (this.#chunks.length === 0) this.#chunks.push([]);
    const at = Math.min(this.#chunkFor(slot), this.#chunks.length - 1);
    const chunk = this.#chunks[at] ?? [];
    const place = lowerBound(chunk, slot);
    if (isSame(chunk[place], slot)) return false;
    chunk.splice(place, 0, slot);
    this.#size++;
    if (chunk.length > CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK / 2));
    return true;
  }

  /** False when the slot was not there. */
  delete(slot: Slot): boolean {
    const at = this.#chunkFor(slot);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return false;
    const place = lowerBound(chunk, slot);
    if (!isSame(chunk[place], slot)) return false;
    chunk.splice(place, 1);
    this.#size--;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  /** In order. The set must not change meanwhile. */
  *[Symbol.iterator](): Generator<Slot> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** The first chunk whose last slot is not before `slot`. */
  #chunkFor(slot: Slot): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#chunks[middle]?.at(-1);
      if (last !== undefined && compareSlots(last, slot) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Below 256 moving a chunk's tail is cheaper than anything cleverer. */
const CHUNK = 256;

export function compareSlots(left: Slot, right: Slot): number {
  return left.major - right.major || left.minor - right.minor;
}

function isSame(found: Slot | undefined, slot: Slot): boolean {
  return found !== undefined && compareSlots(found, slot) === 0;
}

function lowerBound(chunk: readonly Slot[], slot: Slot): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = chunk[middle];
    if (at !== undefined && compareSlots(at, slot) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
