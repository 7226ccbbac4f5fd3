import type { Entry } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { MAX_APPLIED_AT_ONCE } from '../protocol/limits.ts';

/**
 * Brings what is committed to the state machine, a long log in parts. Links and timers have their turn in between: a
 * leader that said nothing meanwhile would be deposed, and the next one would have as much before it.
 */
export class Applying {
  readonly #apply: (entry: Entry) => void;
  #committed: Entry[] = [];
  #index: LogIndex;

  /** `index`: what the state machine holds at first. */
  constructor(index: LogIndex, apply: (entry: Entry) => void) {
    this.#index = index;
    this.#apply = apply;
  }

  /** Up to where the state machine has come. */
  get index(): LogIndex {
    return this.#index;
  }

  get isBehind(): boolean {
    return this.#committed.length > 0;
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) this.#committed.push(entry);
  }

  /** A snapshot took the place of the state. */
  onRestored(index: LogIndex): void {
    this.#committed = this.#committed.filter((entry) => entry.index > index);
    this.#index = index;
  }

  /** Applies the next part. */
  goOn(): void {
    for (const entry of this.#committed.splice(0, MAX_APPLIED_AT_ONCE)) {
      this.#index = entry.index;
      this.#apply(entry);
    }
  }
}
