import { type Entry, entrySize } from '../protocol/entry.ts';
import { INDEX_ZERO, type LogIndex, TERM_ZERO, type Term } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';

/**
 * The entries of one node in memory, with its commit index. §5.3
 *
 * Index 0 with term 0 stands for "before the log", so that the first append has something to match.
 */
export class RaftLog {
  readonly #entries: Entry[];
  #commitIndex: LogIndex = INDEX_ZERO;

  constructor(entries: readonly Entry[]) {
    this.#entries = [...entries];
    this.#entries.forEach((entry, at) => {
      invariant(entry.index === at + 1, `recovered entry ${entry.index} stands at place ${at + 1}`);
    });
  }

  get lastIndex(): LogIndex {
    return this.#entries.length as LogIndex;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? TERM_ZERO;
  }

  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }

  /** The term of the entry at `index`; 0 at index 0; undefined beyond the end. */
  termAt(index: LogIndex): Term | undefined {
    return index === 0 ? TERM_ZERO : this.#entries[index - 1]?.term;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - 1];
  }

  /** True when a log that ends with (`lastTerm`, `lastIndex`) is at least as up to date as this. §5.4.1 */
  isUpToDate(lastTerm: Term, lastIndex: LogIndex): boolean {
    if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm;
    return lastIndex >= this.lastIndex;
  }

  /** Entries `from`…`to`, both included, cut short so that they stay within `maxBytes` (but at least one). */
  slice(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    let bytes = 0;
    let end = from - 1;
    while (end < to) {
      const entry = this.#entries[end];
      if (entry === undefined) break;
      bytes += entrySize(entry);
      if (bytes > maxBytes && end >= from) break;
      end += 1;
    }
    return this.#entries.slice(from - 1, end);
  }

  /** Entries `from`…`to`, both included. */
  range(from: LogIndex, to: LogIndex): readonly Entry[] {
    return this.#entries.slice(from - 1, to);
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(
        entry.index === this.#entries.length + 1,
        `entry ${entry.index} does not follow ${this.lastIndex}`,
      );
      invariant(entry.term >= this.lastTerm, 'terms never fall along the log');
      this.#entries.push(entry);
    }
  }

  /** Forgets the entries at and above `from`. */
  truncate(from: LogIndex): void {
    invariant(from > this.#commitIndex, `committed entry ${from} must not be erased`);
    this.#entries.length = from - 1;
  }

  commit(index: LogIndex): void {
    invariant(index >= this.#commitIndex, 'commitIndex never moves back');
    invariant(index <= this.lastIndex, `commit of ${index} beyond the end ${this.lastIndex}`);
    this.#commitIndex = index;
  }

  /**
   * The highest index at or below `index` whose term is at most `term`: the last place at which a log
   * that holds (`index`, `term`) may agree with this one. §5.3 (end)
   */
  agreementBelow(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    let at = Math.min(index, this.lastIndex);
    while (at > 0) {
      const own = this.#entries[at - 1]?.term ?? TERM_ZERO;
      if (own <= term) return { index: at as LogIndex, term: own };
      at -= 1;
    }
    return { index: INDEX_ZERO, term: TERM_ZERO };
  }
}
