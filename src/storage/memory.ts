import type { Entry } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { TERM_ZERO } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { HardState, LogWrite } from '../protocol/state.ts';
import type { LogStorage, RecoveredLog, StorageListener } from './port.ts';

/** What survives: the platter of a disk. It outlives the storage that is opened on it. */
export class MemoryDisk {
  #hardState: HardState = { term: TERM_ZERO, votedFor: undefined };
  readonly #entries: Entry[] = [];
  /** The life that may write; an older one writes into the void. */
  #life = 0;

  get life(): number {
    return this.#life;
  }

  /** The durable image, as a node that starts now finds it. */
  recover(): RecoveredLog {
    return { hardState: this.#hardState, entries: [...this.#entries] };
  }

  beginLife(): number {
    this.#life += 1;
    return this.#life;
  }

  /** Makes one write durable. */
  commit(write: LogWrite): void {
    const { truncateFrom } = write;
    if (truncateFrom !== undefined) this.#entries.length = Math.min(this.#entries.length, truncateFrom - 1);
    for (const entry of write.entries) {
      invariant(entry.index === this.#entries.length + 1, `entry ${entry.index} leaves a gap on disk`);
      this.#entries.push(entry);
    }
    if (write.hardState !== undefined) this.#hardState = write.hardState;
  }

  /** The last index that would survive a crash now. */
  get lastIndex(): LogIndex {
    return this.#entries.length as LogIndex;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - 1];
  }
}

export interface MemoryStorageOptions {
  /** Begins one sync; the owner calls `complete` when the disk is done. Default: at the end of the turn. */
  scheduleSync?(complete: () => void): void;
}

export interface MemoryStorage extends LogStorage {
  /**
   * Loses what was not synced, except for the first `survivors` of the unsynced writes: a disk may have
   * got to them without saying so. Later completions of this storage are ignored.
   */
  crash(survivors: number): void;
  /** Writes that a crash could lose now. */
  readonly unsynced: number;
  /** Makes the next sync fail. */
  failNextSync(error: Error): void;
}

/** A disk in memory that loses what was not synced, with the group commit of the WAL. */
export function openMemoryStorage(disk: MemoryDisk, options: MemoryStorageOptions = {}): MemoryStorage {
  const scheduleSync = options.scheduleSync ?? ((done) => setImmediate(done));
  const life = disk.beginLife();
  let listener: StorageListener | undefined;
  let queued: LogWrite[] = [];
  let syncing: readonly LogWrite[] | undefined;
  let failure: Error | undefined;
  let state: 'open' | 'closing' | 'failed' | 'closed' = 'open';
  let idle: (() => void)[] = [];

  const isCurrent = (): boolean => (state === 'open' || state === 'closing') && disk.life === life;

  const sync = (): void => {
    if (syncing !== undefined || queued.length === 0) return;
    const group = queued;
    syncing = group;
    queued = [];
    scheduleSync(() => complete(group));
  };
  const complete = (group: readonly LogWrite[]): void => {
    if (!isCurrent() || syncing !== group) return;
    syncing = undefined;
    if (failure !== undefined) {
      state = 'failed';
      listener?.onFailed(failure);
    } else {
      for (const write of group) disk.commit(write);
      const last = group.at(-1);
      sync();
      if (last !== undefined) listener?.onDurable(last.sequence);
    }
    if (syncing === undefined) rest();
  };
  const rest = (): void => {
    const waiting = idle;
    idle = [];
    for (const resolve of waiting) resolve();
  };

  return {
    recovered: disk.recover(),
    start(given) {
      listener = given;
    },
    write(write) {
      if (state === 'closing' || !isCurrent()) return;
      queued.push(write);
      sync();
    },
    async close() {
      if (syncing !== undefined && isCurrent()) {
        state = 'closing';
        await new Promise<void>((resolve) => idle.push(resolve));
      }
      state = 'closed';
    },
    crash(survivors) {
      if (!isCurrent()) return;
      state = 'closed';
      for (const write of [...(syncing ?? []), ...queued].slice(0, survivors)) disk.commit(write);
      rest();
    },
    get unsynced() {
      return (syncing?.length ?? 0) + queued.length;
    },
    failNextSync(error) {
      failure = error;
    },
  };
}
