import type { Entry } from '../../src/protocol/entry.ts';
import type { HardState, LogWrite } from '../../src/protocol/state.ts';

/** What a node's disk holds, and the writes on their way to it. */
export class HeldDisk {
  hardState: HardState;
  entries: readonly Entry[];
  /** While true, writes wait until the test completes them. */
  held = false;
  #queue: LogWrite[] = [];

  constructor(hardState: HardState, entries: readonly Entry[]) {
    this.hardState = hardState;
    this.entries = entries;
  }

  push(write: LogWrite): void {
    this.#queue.push(write);
  }

  /** Makes the oldest `writes` durable. Returns the sequence of the last, if any was under way. */
  complete(writes: number): number | undefined {
    const group = this.#queue.splice(0, Math.min(writes, this.#queue.length));
    for (const write of group) this.#commit(write);
    return group.at(-1)?.sequence;
  }

  /** A crash: writes under way are lost. */
  forget(): void {
    this.#queue = [];
  }

  #commit(write: LogWrite): void {
    const kept =
      write.truncateFrom === undefined ? this.entries : this.entries.slice(0, write.truncateFrom - 1);
    this.entries = [...kept, ...write.entries];
    this.hardState = write.hardState ?? this.hardState;
  }
}
