import type { StateMachine } from '../../src/node/port.ts';
import { clusterId, type LogIndex, type NodeId, TERM_ZERO, type Term } from '../../src/protocol/ids.ts';
import type { HardState, LogPosition, LogWrite } from '../../src/protocol/state.ts';
import { type MemoryStorage, openMemoryStorage } from '../../src/storage/memory.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import type { LogStorage, StorageListener } from '../../src/storage/port.ts';
import { SnapshotDecoder } from '../../src/storage/snapshot-file.ts';
import type { Chance } from './chance.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a crash leaves behind. */
export interface DurableImage {
  readonly hardState: HardState;
  readonly lastIndex: LogIndex;
  /** What precedes the first entry; a snapshot covers it. */
  readonly base: LogPosition;
  /** Of the base and what follows it. */
  termAt(index: LogIndex): Term | undefined;
}

/** How a disk may break its word, to prove that the checks would see it. */
export type DiskBug = 'acknowledges-early' | 'forgets-promises' | 'loses-synced-tail';

export interface DiskOptions {
  readonly owner: NodeId;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly bug: DiskBug | undefined;
  /** Called with the writes that a crash took. */
  readonly onLost: (writes: number) => void;
  /** The process has been told that its disk failed. */
  readonly onFailureTold: () => void;
}

/** The memory storage on a disk with a latency, which keeps any prefix of what a crash finds unsynced. */
export class SimulatedDisk {
  readonly #options: DiskOptions;
  readonly #platter = new MemoryDisk();
  #storage: MemoryStorage | undefined;
  #latency = { min: 0, max: 3 };
  /** Terms of the entries that were damaged. */
  readonly #damaged = new Map<number, Term>();

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  get durable(): DurableImage {
    const platter = this.#platter;
    return {
      get hardState() {
        return platter.recover().hardState;
      },
      get lastIndex() {
        return platter.lastIndex;
      },
      get base() {
        return platter.base;
      },
      termAt: (index) =>
        (index === platter.base.index ? platter.base.term : platter.entryAt(index)?.term) ??
        this.#damagedTermAt(index),
    };
  }

  /** True until the disk holds again what it held before it was damaged. */
  get isRepairing(): boolean {
    return this.#platter.floor !== undefined;
  }

  /** Between two processes: part of what was synced cannot be read any more, and the next process is told. */
  damage(): number {
    const { chance } = this.#options;
    const platter = this.#platter;
    const { base, lastIndex } = platter;
    if (lastIndex === base.index) return 0;
    const from = chance.integer(base.index + 1, lastIndex) as LogIndex;
    if (!this.isRepairing) this.#damaged.clear();
    for (let index: number = from; index <= lastIndex; index += 1) {
      this.#damaged.set(index, platter.entryAt(index as LogIndex)?.term ?? TERM_ZERO);
    }
    platter.damage(from);
    return lastIndex - from + 1;
  }

  /** It does not vote before it holds this again, so others may count on it. */
  #damagedTermAt(index: LogIndex): Term | undefined {
    return this.isRepairing ? this.#damaged.get(index) : undefined;
  }

  /** Every sync that begins from now on takes this long. */
  setLatency(latency: { readonly min: number; readonly max: number }): void {
    this.#latency = latency;
  }

  /** The storage of a new process. */
  open(): LogStorage {
    const { time, chance, owner, bug } = this.#options;
    const storage = openMemoryStorage(this.#platter, {
      scheduleSync: (complete) => {
        const at = time.now + chance.integer(this.#latency.min, this.#latency.max);
        time.schedule({ at, owner, run: complete });
      },
    });
    this.#storage = storage;
    const honest: LogStorage = {
      recovered: storage.recovered,
      start: (listener) => storage.start(this.#watched(listener)),
      write: (write) => storage.write(write),
      compact: (index) => storage.compact(index),
      snapshots: storage.snapshots,
      get shortage() {
        return storage.shortage;
      },
      close: () => storage.close(),
    };
    return bug === 'acknowledges-early' ? this.#acknowledgingEarly(honest) : honest;
  }

  /** Puts `machine` into the state that the newest snapshot says. */
  loadInto(machine: Pick<StateMachine, 'restore'>): void {
    const { snapshot } = this.#platter;
    if (snapshot === undefined) return;
    const restoration = machine.restore();
    const decoder = new SnapshotDecoder({
      path: 'snapshot',
      clusterId: clusterId(''),
      onPiece: (piece) => restoration.add(piece),
    });
    decoder.add(snapshot.bytes);
    decoder.finish();
    restoration.finish();
  }

  /** The process is gone; a prefix of what it had not synced may be on the disk all the same. */
  crash(): void {
    const storage = this.#storage;
    if (storage === undefined) return;
    const { chance, bug, onLost } = this.#options;
    const survivors = chance.integer(0, storage.unsynced);
    onLost(storage.unsynced - survivors);
    storage.crash(survivors);
    this.#storage = undefined;
    const { lastIndex } = this.#platter;
    if (bug === 'forgets-promises') this.#tamper({ hardState: { term: TERM_ZERO, votedFor: undefined } });
    if (bug === 'loses-synced-tail' && lastIndex > 0) this.#tamper({ truncateFrom: lastIndex });
  }

  /** The next sync fails: the process hears of it and must stop. */
  failNextSync(): void {
    this.#storage?.failNextSync(new Error('fdatasync: input/output error'));
  }

  #watched(listener: StorageListener): StorageListener {
    return {
      onDurable: (sequence) => listener.onDurable(sequence),
      onFailed: (error) => {
        listener.onFailed(error);
        this.#options.onFailureTold();
      },
    };
  }

  #acknowledgingEarly(honest: LogStorage): LogStorage {
    const { time, owner } = this.#options;
    const opened = this.#storage;
    let told: StorageListener | undefined;
    return {
      ...honest,
      start: (listener) => {
        told = listener;
        honest.start({ onDurable: () => undefined, onFailed: listener.onFailed });
      },
      write: (write) => {
        honest.write(write);
        const run = (): void => {
          if (this.#storage === opened) told?.onDurable(write.sequence);
        };
        time.schedule({ at: time.now, owner, run });
      },
    };
  }

  #tamper(change: Partial<LogWrite>): void {
    this.#platter.commit({
      sequence: 0,
      hardState: undefined,
      restartAt: undefined,
      truncateFrom: undefined,
      entries: [],
      ...change,
    });
  }
}
