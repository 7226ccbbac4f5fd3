import type { Entry } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { TERM_ZERO } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import {
  type HardState,
  isBefore,
  type LogPosition,
  type LogWrite,
  type SnapshotMeta,
} from '../protocol/state.ts';
import type { RecoveredLog } from './port.ts';
import { floorOf, LOG_START, lastPosition, reconcile } from './reconcile.ts';

interface SavedSnapshot {
  readonly meta: SnapshotMeta;
  /** As a file would hold it. */
  readonly bytes: Uint8Array;
}

/** What survives: the platter of a disk. It outlives the storage that is opened on it. */
export class MemoryDisk {
  #hardState: HardState = { term: TERM_ZERO, votedFor: undefined };
  #base: LogPosition = LOG_START;
  #entries: Entry[] = [];
  #snapshot: SavedSnapshot | undefined;
  /** Where the log ended before part of it was damaged, until it is as far again. */
  #floor: LogPosition | undefined;
  /** The life that may write; an older one writes into the void. */
  #life = 0;

  get life(): number {
    return this.#life;
  }

  get snapshot(): SavedSnapshot | undefined {
    return this.#snapshot;
  }

  /** The durable image, as a node that starts now finds it. */
  recover(): RecoveredLog {
    const log = { hardState: this.#hardState, base: this.#base, entries: [...this.#entries] };
    const recovered = reconcile(log, this.#snapshot?.meta);
    return { ...recovered, floor: floorOf(recovered, this.#floor) };
  }

  get floor(): LogPosition | undefined {
    return this.#floor;
  }

  /** Entries from `from` on cannot be read any more. Not while a storage is open on it. */
  damage(from: LogIndex): void {
    const last = lastPosition(this.recover());
    if (this.#floor === undefined || isBefore(this.#floor, last)) this.#floor = last;
    this.#entries.splice(Math.max(0, from - this.#base.index - 1));
  }

  /** From here on the log is what `recover` gives. */
  beginLife(): number {
    const { base, entries } = this.recover();
    this.#base = base;
    this.#entries = [...entries];
    this.#life += 1;
    return this.#life;
  }

  /** Makes one write durable. */
  commit({ restartAt, truncateFrom, entries, hardState }: LogWrite): void {
    if (restartAt !== undefined) {
      this.#base = restartAt;
      this.#entries = [];
    }
    if (truncateFrom !== undefined) this.#entries.splice(Math.max(0, truncateFrom - this.#base.index - 1));
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} leaves a gap on disk`);
      this.#entries.push(entry);
    }
    if (hardState !== undefined) this.#hardState = hardState;
    this.#floor = floorOf({ base: this.#base, entries: this.#entries }, this.#floor);
  }

  /** Forgets entries that a snapshot covers. */
  compact(upTo: LogIndex): void {
    const index = Math.min(upTo, this.lastIndex) as LogIndex;
    const term = this.#termAt(index);
    if (index <= this.#base.index || term === undefined) return;
    this.#entries.splice(0, index - this.#base.index);
    this.#base = { index, term };
  }

  /** A snapshot that is older than the one there is dropped. */
  saveSnapshot(meta: SnapshotMeta, bytes: Uint8Array): void {
    if (this.#snapshot === undefined || meta.index > this.#snapshot.meta.index) {
      this.#snapshot = { meta, bytes };
    }
  }

  /** The last index that would survive a crash now. */
  get lastIndex(): LogIndex {
    return (this.#base.index + this.#entries.length) as LogIndex;
  }

  get base(): LogPosition {
    return this.#base;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#base.index - 1];
  }

  #termAt(index: LogIndex): LogPosition['term'] | undefined {
    return index === this.#base.index ? this.#base.term : this.entryAt(index)?.term;
  }
}
