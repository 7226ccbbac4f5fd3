import type { LogIndex } from '../protocol/ids.ts';
import type { LogWrite } from '../protocol/state.ts';

interface KeptSegment {
  readonly number: number;
  /**
   * Once a snapshot covers this index, the log can be read from this segment on. Undefined when it cannot: the
   * entry there was cut later, or the segment does not say where it starts.
   */
  start: LogIndex | undefined;
}

/** Which segments a log still needs: those from the last one on that may stand first. */
export class SegmentRetention {
  readonly #segments: KeptSegment[] = [];

  begin(number: number, start?: LogIndex): void {
    this.#segments.push({ number, start });
  }

  /** The last segment says that it follows the entry at `index`. */
  setStart(index: LogIndex): void {
    const current = this.#segments.at(-1);
    if (current !== undefined) current.start = index;
  }

  /** A write of the last segment, which is durable. */
  apply({ restartAt, truncateFrom }: Pick<LogWrite, 'restartAt' | 'truncateFrom'>): void {
    // Whatever the segments before this one say is forgotten here.
    if (restartAt !== undefined) this.setStart(restartAt.index);
    if (truncateFrom === undefined) return;
    for (const segment of this.#segments) {
      // Read from here, the log would be cut before its first entry, and nobody knew of what term that one is.
      if (segment.start !== undefined && segment.start >= truncateFrom) segment.start = undefined;
    }
  }

  /** The segment that may go next, when a durable snapshot covers everything up to `index`. */
  oldestFree(index: LogIndex): number | undefined {
    const first = this.#segments.findLastIndex(({ start }) => start !== undefined && start <= index);
    return first > 0 ? this.#segments[0]?.number : undefined;
  }

  /** The oldest segment is gone. */
  removeOldest(): void {
    this.#segments.shift();
  }
}
