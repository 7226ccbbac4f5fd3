import type { Entry } from '../../src/protocol/entry.ts';
import { type LogIndex, type NodeId, TERM_ZERO, type Term } from '../../src/protocol/ids.ts';
import type { HardState, LogWrite } from '../../src/protocol/state.ts';
import type { LogStorage, StorageListener } from '../../src/storage/port.ts';
import type { Chance } from './chance.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a crash leaves behind. */
export interface DurableImage {
  readonly hardState: HardState;
  readonly lastIndex: LogIndex;
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
}

/** One use of the disk by one process, from open to crash or close. */
interface Session {
  readonly listener: StorageListener;
  /** Given, not durable yet. */
  readonly queue: LogWrite[];
  isSyncing: boolean;
  onDrained: (() => void) | undefined;
}

const NO_PROMISES: HardState = { term: TERM_ZERO, votedFor: undefined };

/**
 * A disk under group commit: one sync covers all that queued during the last one, takes a while, and a
 * crash keeps any prefix of what was not synced.
 */
export class SimulatedDisk {
  readonly #options: DiskOptions;
  #hardState = NO_PROMISES;
  #entries: Entry[] = [];
  #session: Session | undefined;
  #latency = { min: 0, max: 3 };

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  get durable(): DurableImage {
    const entries = this.#entries;
    return {
      hardState: this.#hardState,
      lastIndex: entries.length as LogIndex,
      termAt: (index) => (index === 0 ? TERM_ZERO : entries[index - 1]?.term),
    };
  }

  /** Every sync that begins from now on takes this long. */
  setLatency(latency: { readonly min: number; readonly max: number }): void {
    this.#latency = latency;
  }

  /** The storage of a new process. */
  open(): LogStorage {
    if (this.#session !== undefined) throw new Error(`${this.#options.owner}: two processes on one disk`);
    const recovered = { hardState: this.#hardState, entries: [...this.#entries] };
    let session: Session | undefined;
    return {
      recovered,
      start: (listener) => {
        session = { listener, queue: [], isSyncing: false, onDrained: undefined };
        this.#session = session;
      },
      write: (write) => {
        if (session === undefined || session !== this.#session) return;
        session.queue.push(write);
        this.#sync(session);
        if (this.#options.bug === 'acknowledges-early') this.#acknowledge(session, write.sequence);
      },
      close: () => this.#close(session),
    };
  }

  /** The process is gone; a prefix of what it had not synced may be on the disk all the same. */
  crash(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    const kept = this.#options.chance.integer(0, session.queue.length);
    for (const write of session.queue.slice(0, kept)) this.#apply(write);
    this.#options.onLost(session.queue.length - kept);
    if (this.#options.bug === 'forgets-promises') this.#hardState = NO_PROMISES;
    if (this.#options.bug === 'loses-synced-tail') this.#entries = this.#entries.slice(0, -1);
  }

  /** The next sync fails: the process hears of it and must stop. */
  fail(): void {
    this.#session?.listener.onFailed(new Error('fdatasync: input/output error'));
  }

  #sync(session: Session): void {
    if (session.isSyncing || session.queue.length === 0) return;
    session.isSyncing = true;
    const { time, chance, owner } = this.#options;
    const covered = session.queue.length;
    time.schedule({
      at: time.now + chance.integer(this.#latency.min, this.#latency.max),
      owner,
      run: () => this.#complete(session, covered),
    });
  }

  #complete(session: Session, covered: number): void {
    if (session !== this.#session) return;
    session.isSyncing = false;
    const writes = session.queue.splice(0, covered);
    for (const write of writes) this.#apply(write);
    this.#sync(session);
    const last = writes.at(-1);
    if (last !== undefined && this.#options.bug !== 'acknowledges-early') {
      session.listener.onDurable(last.sequence);
    }
    if (session.queue.length === 0) session.onDrained?.();
  }

  #acknowledge(session: Session, sequence: number): void {
    const { time, owner } = this.#options;
    time.schedule({
      at: time.now,
      owner,
      run: () => {
        if (session === this.#session) session.listener.onDurable(sequence);
      },
    });
  }

  #apply(write: LogWrite): void {
    if (write.truncateFrom !== undefined) this.#entries = this.#entries.slice(0, write.truncateFrom - 1);
    for (const entry of write.entries) {
      if (entry.index !== this.#entries.length + 1) {
        throw new Error(
          `${this.#options.owner}: entry ${entry.index} does not follow ${this.#entries.length}`,
        );
      }
      this.#entries.push(entry);
    }
    if (write.hardState !== undefined) this.#hardState = write.hardState;
  }

  async #close(session: Session | undefined): Promise<void> {
    if (session === undefined || session !== this.#session) return;
    if (session.queue.length > 0) {
      await new Promise<void>((resolve) => {
        session.onDrained = resolve;
      });
    }
    if (this.#session === session) this.#session = undefined;
  }
}
