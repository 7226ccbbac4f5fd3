import { decodeConfiguration } from '../protocol/configuration-codec.ts';
import type { Entry } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { Configuration } from '../protocol/state.ts';

interface Placed {
  /** Of the entry that brought it; the base of the log for the oldest. */
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/**
 * The configurations of one node's log. In force is the latest, committed or not (thesis §4.1); the ones
 * before it are kept for the day on which it is cut away, and for snapshots.
 */
export class Configurations {
  /** In order of the log, never empty. */
  #placed: Placed[];

  constructor(index: LogIndex, configuration: Configuration) {
    this.#placed = [{ index, configuration }];
  }

  get latest(): Configuration {
    return this.#last.configuration;
  }

  /** Where the latest stands in the log. */
  get latestIndex(): LogIndex {
    return this.#last.index;
  }

  /** The one that was in force for the entries up to `index`. */
  at(index: LogIndex): Configuration {
    const placed = this.#placed.findLast((one) => one.index <= index);
    invariant(placed !== undefined, `the configuration at ${index} is not known any more`);
    return placed.configuration;
  }

  /** The one at `index` and every later: any of them may turn out to be the committed one. */
  since(index: LogIndex): readonly Configuration[] {
    const first = this.#placed.findLastIndex((one) => one.index <= index);
    return this.#placed.slice(Math.max(0, first)).map(({ configuration }) => configuration);
  }

  /** Takes note of every configuration among `entries`, which were appended to the log. */
  append(entries: readonly Entry[]): void {
    for (const { index, kind, data } of entries) {
      if (kind === 'config') this.#placed.push({ index, configuration: decodeConfiguration(data) });
    }
  }

  /** The log was cut from `from` on. */
  truncate(from: LogIndex): void {
    this.#placed = this.#placed.filter(({ index }) => index < from);
    invariant(this.#placed.length > 0, 'a committed configuration is never cut away');
  }

  /** The whole log gave way to a snapshot at `index`. */
  restart(index: LogIndex, configuration: Configuration): void {
    this.#placed = [{ index, configuration }];
  }

  /** Nobody will ask for what was before `index`. */
  compact(index: LogIndex): void {
    const inForce = this.#placed.findLastIndex((one) => one.index <= index);
    if (inForce > 0) this.#placed.splice(0, inForce);
  }

  get #last(): Placed {
    const last = this.#placed.at(-1);
    invariant(last !== undefined, 'there always is a configuration');
    return last;
  }
}
