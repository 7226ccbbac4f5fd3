import { createRandom, type Random } from '../../src/raft/random.ts';

/** Seeded choices. Every part of a run has a stream of its own, so that one more choice in one part moves no other. */
export class Chance {
  readonly #seed: number;
  readonly #random: Random;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = createRandom(seed);
  }

  /** A stream of its own, the same for the same seed and name. */
  stream(name: string): Chance {
    let seed = this.#seed ^ 0x811c9dc5;
    for (let at = 0; at < name.length; at++) seed = Math.imul(seed ^ name.charCodeAt(at), 0x01000193);
    return new Chance(seed >>> 0);
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.#random();
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.#random() * (max - min + 1));
  }

  /** True with `probability`. */
  happens(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** Keeps each item with `probability`. */
  some<T>(items: readonly T[], probability: number): T[] {
    return items.filter(() => this.happens(probability));
  }

  shuffle<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.#random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}
