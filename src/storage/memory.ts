import type { SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { LogWrite } from '../protocol/state.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { MemorySnapshots } from './memory-snapshots.ts';
import type { LogStorage, RecoveredLog, StorageListener } from './port.ts';
import { compactableTo, requireRecovered } from './reconcile.ts';

export interface MemoryStorageOptions {
  /**
   * Begins one sync, or one step of a snapshot; the owner calls `complete` when the disk is done. Default: at the
   * end of the turn.
   */
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
  /** The disk is nearly full, or has room again. */
  setShortage(error: SwarmError | undefined): void;
}

/** A disk in memory that loses what was not synced, with the group commit of the WAL. */
export function openMemoryStorage(disk: MemoryDisk, options: MemoryStorageOptions = {}): MemoryStorage {
  const scheduleSync = options.scheduleSync ?? ((done) => setImmediate(done));
  const life = disk.beginLife();
  let listener: StorageListener | undefined;
  let queued: LogWrite[] = [];
  let syncing: readonly LogWrite[] | undefined;
  let failure: Error | undefined;
  let shortage: SwarmError | undefined;
  let state: 'open' | 'closing' | 'failed' | 'closed' = 'open';
  let idle: (() => void)[] = [];
  let compactTo = 0 as LogIndex;
  let recovered: RecoveredLog | undefined = disk.recover();

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
      settle(group);
      const last = group.at(-1);
      sync();
      if (last !== undefined) listener?.onDurable(last.sequence);
    }
    if (syncing === undefined) rest();
  };
  const settle = (group: readonly LogWrite[]): void => {
    for (const write of group) disk.commit(write);
    free();
  };
  const free = (): void => {
    disk.compact(compactableTo(compactTo, syncing === undefined ? queued : [...syncing, ...queued]));
  };
  const rest = (): void => {
    const waiting = idle;
    idle = [];
    for (const resolve of waiting) resolve();
  };

  const snapshots = new MemorySnapshots({
    disk,
    schedule(work) {
      scheduleSync(() => {
        if (isCurrent()) work();
      });
    },
  });
  return {
    get recovered() {
      return requireRecovered(recovered);
    },
    snapshots,
    get shortage() {
      return shortage;
    },
    setShortage(error) {
      shortage = error;
      listener?.onRoomChanged?.(error);
    },
    compact(index) {
      invariant(index <= (snapshots.latest?.index ?? 0), 'only what a snapshot covers may be let go of');
      compactTo = index;
      if (isCurrent()) free();
    },
    start(given) {
      listener = given;
      recovered = undefined;
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
