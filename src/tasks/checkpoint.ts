/** What one replica had come to at one index. */
export interface Checkpoint {
  readonly index: number;
  readonly stateHash: string;
  /** The whole state there, once: whoever reads it uses it up. */
  readonly image: Iterator<Uint8Array> | undefined;
}

/** Comparisons are made at once, so the latest few will do. */
const KEPT = 32;

/** What a replica keeps for comparisons. No part of the state: a replica that has no note of an index says so. */
export class Checkpoints {
  readonly #noted = new Map<number, Checkpoint>();

  note(checkpoint: Checkpoint): void {
    // An image holds on to everything that was there: one is enough.
    for (const [index, { stateHash }] of this.#noted)
      this.#noted.set(index, { index, stateHash, image: undefined });
    this.#noted.set(checkpoint.index, checkpoint);
    const oldest = this.#noted.keys().next();
    if (this.#noted.size > KEPT && oldest.done !== true) this.#noted.delete(oldest.value);
  }

  at(index: number): Checkpoint | undefined {
    return this.#noted.get(index);
  }
}
