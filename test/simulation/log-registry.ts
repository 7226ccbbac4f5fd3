import type { Entry } from '../../src/protocol/entry.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { Violation } from './violation.ts';

interface Known {
  readonly entry: Entry;
  /** Term of the entry before it; 0 at the start of the log. */
  readonly previousTerm: number;
}

/**
 * Every entry that was ever in any log, by index and term. If no two entries of one index and term
 * differ, nor the terms before them, then logs that agree at one place agree in all that went before:
 * Log Matching by induction, at the price of one look per new entry. §5.3
 */
export class LogRegistry {
  readonly #known = new Map<string, Known>();

  /** `node` has taken `entry` into its log after one of `previousTerm`. */
  admit(node: NodeId, entry: Entry, previousTerm: number): void {
    const key = `${entry.index} ${entry.term}`;
    if (previousTerm > entry.term) {
      throw new Violation('Terms rise', `${node}: entry ${key} follows one of term ${previousTerm}`);
    }
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { entry, previousTerm });
      return;
    }
    if (known.previousTerm !== previousTerm) {
      throw new Violation(
        'Log Matching',
        `${node}: entry ${key} follows term ${previousTerm}, elsewhere term ${known.previousTerm}`,
      );
    }
    if (known.entry === entry) return;
    if (known.entry.kind !== entry.kind || Buffer.compare(known.entry.data, entry.data) !== 0) {
      throw new Violation('Log Matching', `${node}: entry ${key} is not what it is elsewhere`);
    }
  }
}
