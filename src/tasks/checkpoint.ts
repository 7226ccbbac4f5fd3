/** What one replica had come to at one index. */
export interface Checkpoint {
  readonly index: number;
  readonly stateHash: string;
  /** The whole state there, once: whoever reads it uses it up. */
  readonly image: Iterator<Uint8Array> | undefined;
}

/** Comparisons are made at once, so the latest few will do. */
const KEPT = 32;
/** Each image holds on to everything that was there: one for whoever asks, one for the coordinator that does so meanwhile. */
const KEPT_IMAGES = 2;

/** What a replica keeps for comparisons. No part of the state: a replica that has no note of an index says so. */
export class Checkpoints {
  readonly #noted = new Map<number, Checkpoint>();

  note(checkpoint: Checkpoint): void {
    this.#noted.set(checkpoint.index, checkpoint);
    const full = [...this.#noted.values()].filter(({ image }) => image !== undefined);
    for (const { index, stateHash } of full.slice(0, -KEPT_IMAGES))
      this.#noted.set(index, { index, stateHash, image: undefined });
    const oldest = this.#noted.keys().next();
    if (this.#noted.size > KEPT && oldest.done !== true) this.#noted.delete(oldest.value);
  }

  at(index: number): Checkpoint | undefined {
    return this.#noted.get(index);
  }
}
