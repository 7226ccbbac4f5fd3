import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import {
  diskError,
  isUpdateFile,
  type Life,
  nameOf,
  numberOf,
  type Reading,
  readFiles,
} from './update-files.ts';
import { encodeRecord, FILE_HEADER, type UpdateRecord } from './update-record.ts';

/** Where what the documents have become is kept. Behind a port, so that the engine runs without a disk. */
export interface UpdateStore {
  append(name: string, update: Uint8Array): void;
  /** Calls back when all that was appended survives a crash, or with why it does not. Never from within the call. */
  settle(done: Settled): void;
  /** The life that wrote is over, and the next one is to write under another name. */
  abandonLife(): void;
  /** Everything in one file instead of all that was appended before the call. One at a time. */
  compact(states: Iterable<readonly [string, Uint8Array]>): Promise<void>;
  /** After there was no room: everything in other files, and on as before if there is room for that. */
  mend(states: Iterable<readonly [string, Uint8Array]>): Promise<void>;
  /** Why nothing is written any more. */
  readonly failure: SwarmError | undefined;
  /** Bytes that were appended since the last time that it was compacted. */
  readonly appendedBytes: number;
  close(): Promise<void>;
}

type Settled = (failure: SwarmError | undefined) => void;

interface StoreOptions extends Reading {
  /** A life that nobody had before. */
  draw(): Life;
}

export interface OpenedStore {
  readonly store: UpdateStore;
  readonly life: Life;
}

/** Logs that may lie about before they are made one: every start that writes begins another. */
const MAX_LOGS = 8;

/**
 * The documents of one instance on its disk: `N.state` has all that was known when it was begun, `N.log` what came
 * from then on. Updates may be read twice and in any order, so every file that is there is read, and a crash between
 * two files needs no thought.
 *
 * Who writes is one life: a log that does not end with its seal may lack what others have been told, and whoever goes
 * on writes under another name. A clock that two updates share would part the replicas for ever.
 *
 * @throws SwarmError DISK_FAILED, DISK_FULL
 */
export async function openUpdateStore(options: StoreOptions): Promise<OpenedStore> {
  const { folder, draw } = options;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found = await readFiles(options);
    for (const name of await readdir(folder)) if (name.endsWith('.draft')) await unlink(join(folder, name));
    for (const name of found.damaged) await rename(join(folder, name), join(folder, `${name}.damaged`));
    const last = found.files.at(-1);
    const number = last === undefined ? 1 : numberOf(last) + 1;
    const life = (found.isSealed ? found.life : undefined) ?? draw();
    const logs = found.files.filter((name) => name.endsWith('.log'));
    const isOverdue = found.damaged.length > 0 || logs.length > MAX_LOGS;
    return { life, store: new FileStore({ folder, number, life, isOverdue }) };
  } catch (error) {
    throw diskError(folder, error);
  }
}

interface FileStoreOptions {
  readonly folder: string;
  /** Of the next file. */
  readonly number: number;
  readonly life: Life;
  readonly isOverdue: boolean;
}

class FileStore implements UpdateStore {
  readonly #options: FileStoreOptions;
  #number: number;
  #log: FileHandle | undefined;
  #queue: Buffer[] = [];
  #waiting: Settled[] = [];
  #isAbandoned = false;
  #writing: Promise<void> | undefined;
  /** Writes, and changes of the file that is written to, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** After a write or a sync that failed nobody knows what is on the disk: it is never tried again. */
  #failure: SwarmError | undefined;
  #appendedBytes: number;

  constructor(options: FileStoreOptions) {
    this.#options = options;
    this.#number = options.number;
    this.#appendedBytes = options.isOverdue ? Number.MAX_SAFE_INTEGER : 0;
  }

  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  get failure(): SwarmError | undefined {
    return this.#failure;
  }

  append(name: string, update: Uint8Array): void {
    const bytes = encodeRecord({ type: 'update', name, update });
    this.#appendedBytes += bytes.length;
    this.#queue.push(bytes);
    this.#write();
  }

  settle(done: Settled): void {
    this.#waiting.push(done);
    this.#write();
  }

  abandonLife(): void {
    this.#isAbandoned = true;
  }

  /** One write and one sync for all that has come during the last. */
  #write(): void {
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Whatever is appended in this turn goes along.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#waiting.length > 0) {
      const [records, waiting] = [this.#queue, this.#waiting];
      this.#queue = [];
      this.#waiting = [];
      const failure = await this.#alone(() => this.#put(records));
      for (const done of waiting) done(failure);
    }
    // In the same turn as the last look: whatever is appended after it begins anew.
    this.#writing = undefined;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #put(records: readonly Buffer[]): Promise<SwarmError | undefined> {
    if (this.#failure !== undefined || records.length === 0) return this.#failure;
    try {
      this.#log ??= await this.#begin();
      await this.#log.appendFile(Buffer.concat(records));
      await this.#log.datasync();
      return undefined;
    } catch (error) {
      this.#failure = diskError(this.#options.folder, error);
      return this.#failure;
    }
  }

  async #begin(): Promise<FileHandle> {
    const { folder, life } = this.#options;
    const log = await open(join(folder, nameOf(this.#number, 'log')), 'ax', 0o600);
    await log.appendFile(Buffer.concat([FILE_HEADER, encodeRecord({ type: 'life', ...life })]));
    await syncFolder(folder);
    return log;
  }

  async compact(states: Iterable<readonly [string, Uint8Array]>): Promise<void> {
    const { folder, life } = this.#options;
    try {
      // From here on the next log. What was appended to the former ones is in the state, which is captured now.
      const former = await this.#alone(async () => {
        if (this.#failure !== undefined) throw this.#failure;
        const log = this.#log;
        this.#log = undefined;
        this.#number += 1;
        this.#appendedBytes = 0;
        return log;
      });
      const number = this.#number;
      await this.#writeState(number, states, life);
      await former?.close();
      await this.#removeBefore(number);
    } catch (error) {
      this.#failure ??= diskError(folder, error);
      throw this.#failure;
    }
  }

  async mend(states: Iterable<readonly [string, Uint8Array]>): Promise<void> {
    const { folder, life } = this.#options;
    // Whatever is appended meanwhile waits for its turn, and is in the next log if it is not in the state.
    await this.#alone(async () => {
      if (this.#failure?.code !== 'DISK_FULL') return;
      const log = this.#log;
      this.#log = undefined;
      this.#number += 1;
      try {
        // Nothing is tried again on a file of which nobody knows what it holds: this one is new, and has all.
        await this.#writeState(this.#number, states, life);
        await this.#removeBefore(this.#number);
        this.#appendedBytes = 0;
        this.#failure = undefined;
      } catch (error) {
        this.#failure = diskError(folder, error);
      }
      await log?.close().catch(() => undefined);
    });
  }

  async #removeBefore(number: number): Promise<void> {
    const { folder } = this.#options;
    for (const name of await readdir(folder)) {
      if (isUpdateFile(name) && numberOf(name) < number) await unlink(join(folder, name));
    }
    await syncFolder(folder);
  }

  async #writeState(
    number: number,
    states: Iterable<readonly [string, Uint8Array]>,
    life: Life,
  ): Promise<void> {
    const { folder } = this.#options;
    const draft = join(folder, `${nameOf(number, 'state')}.draft`);
    const file = await open(draft, 'w', 0o600);
    let isWritten = false;
    try {
      const write = (record: UpdateRecord): Promise<void> => file.appendFile(encodeRecord(record));
      await file.appendFile(FILE_HEADER);
      await write({ type: 'life', ...life });
      let records = 1;
      for (const [name, update] of states) {
        await write({ type: 'update', name, update });
        records += 1;
      }
      await write({ type: 'end', records });
      await file.sync();
      isWritten = true;
    } finally {
      await file.close();
      if (!isWritten) await unlink(draft);
    }
    await rename(draft, join(folder, nameOf(number, 'state')));
    await syncFolder(folder);
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    const log = this.#log;
    this.#log = undefined;
    if (log === undefined) return;
    try {
      if (this.#failure === undefined && !this.#isAbandoned) {
        await log.appendFile(encodeRecord({ type: 'sealed' }));
        await log.datasync();
      }
    } catch {
      // Without its seal the next life writes under another name, and that is all that is lost.
      this.#failure ??= new SwarmError('STOPPED', 'closed');
    } finally {
      await log.close();
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
