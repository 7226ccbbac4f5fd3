import { createHash } from 'node:crypto';
import type { Restoration, StateMachine } from '../../src/node/port.ts';
import type { Entry } from '../../src/protocol/entry.ts';

/** A state machine that writes down what it is told: one line a command, one piece a line in its snapshots. */
export class Notebook implements StateMachine<string> {
  #lines: readonly Uint8Array[] = [];
  #digest = '';

  get lines(): readonly Uint8Array[] {
    return this.#lines;
  }

  /** Of everything in it. */
  get digest(): string {
    return this.#digest;
  }

  apply({ data }: Entry): string {
    this.#write(data);
    return `line ${this.#lines.length}`;
  }

  capture(): Iterator<Uint8Array> {
    return this.#lines.values();
  }

  restore(): Restoration {
    const taken: Uint8Array[] = [];
    return {
      add: (piece) => taken.push(Uint8Array.from(piece)),
      finish: () => {
        this.#lines = [];
        this.#digest = '';
        for (const line of taken) this.#write(line);
      },
    };
  }

  #write(line: Uint8Array): void {
    this.#lines = [...this.#lines, line];
    this.#digest = createHash('sha256').update(this.#digest).update(line).digest('hex');
  }
}
