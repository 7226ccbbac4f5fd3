import { type Entry, entrySize } from '../protocol/entry.ts';
import type { LogIndex, Term } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { LogPosition } from '../protocol/state.ts';

/** Before the first entry of a log that was never compacted, so that the first append has something to match. */
export const LOG_START: LogPosition = { index: 0 as LogIndex, term: 0 as Term };

/**
 * The entries of one node in memory, with its commit index. §5.3
 *
 * What lies at or below `base` is in a snapshot and not here any more; of the base itself the term is
 * still known. §7
 */
export class RaftLog {
  #base: LogPosition;
  #entries: Entry[];
  #commitIndex: LogIndex;
  #bytes = 0;

  /** `base` is covered by a snapshot, so everything up to it is committed. */
  constructor(base: LogPosition, entries: readonly Entry[]) {
    this.#base = base;
    this.#commitIndex = base.index;
    this.#entries = [];
    this.append(entries);
  }

  /** Where the entries here begin. */
  get base(): LogPosition {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return (this.#base.index + 1) as LogIndex;
  }

  get lastIndex(): LogIndex {
    return (this.#base.index + this.#entries.length) as LogIndex;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }

  /** What the entries here are counted as. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The term of the entry at `index`, the base included; undefined below it and beyond the end. */
  termAt(index: LogIndex): Term | undefined {
    return index === this.#base.index ? this.#base.term : this.entryAt(index)?.term;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#base.index - 1];
  }

  /** True when a log that ends with (`lastTerm`, `lastIndex`) is at least as up to date as this. §5.4.1 */
  isUpToDate(lastTerm: Term, lastIndex: LogIndex): boolean {
    if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm;
    return lastIndex >= this.lastIndex;
  }

  /** Entries `from`…`to`, both included, cut short so that they stay within `maxBytes` (but at least one). */
  slice(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    const start = this.#before(from);
    const limit = this.#before((to + 1) as LogIndex);
    let bytes = 0;
    let end = start;
    while (end < limit) {
      const entry = this.#entries[end];
      if (entry === undefined) break;
      bytes += entrySize(entry);
      if (bytes > maxBytes && end > start) break;
      end += 1;
    }
    return this.#entries.slice(start, end);
  }

  /** Entries `from`…`to`, both included. */
  range(from: LogIndex, to: LogIndex): readonly Entry[] {
    return this.#entries.slice(this.#before(from), this.#before((to + 1) as LogIndex));
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} does not follow ${this.lastIndex}`);
      invariant(entry.term >= this.lastTerm, 'terms never fall along the log');
      this.#entries.push(entry);
      this.#bytes += entrySize(entry);
    }
  }

  /** Forgets the entries at and above `from`. */
  truncate(from: LogIndex): void {
    invariant(from > this.#commitIndex, `committed entry ${from} must not be erased`);
    for (const entry of this.#entries.splice(this.#before(from))) this.#bytes -= entrySize(entry);
  }

  commit(index: LogIndex): void {
    invariant(index >= this.#commitIndex, 'commitIndex never moves back');
    invariant(index <= this.lastIndex, `commit of ${index} beyond the end ${this.lastIndex}`);
    this.#commitIndex = index;
  }

  /** Forgets the entries up to `index`, which a snapshot covers. Below the base: nothing to do. */
  compact(index: LogIndex): void {
    if (index <= this.#base.index) return;
    const term = this.termAt(index);
    invariant(term !== undefined && index <= this.#commitIndex, `${index} is not committed here`);
    for (const entry of this.#entries.splice(0, index - this.#base.index)) this.#bytes -= entrySize(entry);
    this.#base = { index, term };
  }

  /** Everything gives way to a snapshot at `position`. §7 */
  restart(position: LogPosition): void {
    invariant(position.index >= this.#commitIndex, 'a snapshot never takes a commit back');
    this.#base = { index: position.index, term: position.term };
    this.#entries = [];
    this.#bytes = 0;
    this.#commitIndex = position.index;
  }

  /**
   * The highest index at or below `index` whose term is at most `term`: the last place at which a log
   * that holds (`index`, `term`) may agree with this one. Not below the base, which every later leader's
   * log agrees with. §5.3 (end)
   */
  agreementBelow(index: LogIndex, term: Term): LogPosition {
    let at = Math.min(index, this.lastIndex) as LogIndex;
    while (at > this.#base.index) {
      const own = this.termAt(at);
      if (own !== undefined && own <= term) return { index: at, term: own };
      at = (at - 1) as LogIndex;
    }
    return this.#base;
  }

  /** How many of the entries here lie before `index`. */
  #before(index: LogIndex): number {
    return Math.max(0, index - this.#base.index - 1);
  }
}
