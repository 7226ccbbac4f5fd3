import { SwarmError } from '../../protocol/errors.ts';
import type { Millis } from '../../protocol/ids.ts';
import { BUSY_RETRY_AFTER_MS, MAX_CRDT_WATCHERS } from '../../protocol/limits.ts';

/** Who waits for a document to change. */
export class Watchers {
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;

  /** Resolves with the next change of the document, or after `waitMs`. @throws SwarmError BUSY */
  next(name: string, waitMs: Millis): Promise<void> {
    if (this.#count >= MAX_CRDT_WATCHERS) {
      const message = `${MAX_CRDT_WATCHERS} requests wait for documents already; ask again, or another instance`;
      throw new SwarmError('BUSY', message, { retryAfterMs: BUSY_RETRY_AFTER_MS });
    }
    this.#count += 1;
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const wake = (): void => {
        clearTimeout(late);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(name);
        this.#count -= 1;
        resolve();
      };
      const late = setTimeout(wake, waitMs);
      waiting.add(wake);
    });
  }

  wake(name: string): void {
    for (const wake of [...(this.#waiting.get(name) ?? [])]) wake();
  }

  wakeAll(): void {
    for (const name of [...this.#waiting.keys()]) this.wake(name);
  }
}
