import { mkdirSync } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import { invariant } from '../protocol/invariant.ts';
import { MAX_SEGMENT_BYTES } from '../protocol/limits.ts';
import type { LogWrite } from '../protocol/state.ts';
import { lockFolder } from './folder-lock.ts';
import type { LogStorage, RecoveredLog, StorageListener } from './port.ts';
import { type OpenWalFile, openWalFile, type WalFile } from './wal-file.ts';
import { encodeGroup, encodeSegmentHeader, type Owner } from './wal-record.ts';
import { replaySegments } from './wal-recovery.ts';

export interface WalOptions extends Owner {
  readonly folder: string;
  /** Default `MAX_SEGMENT_BYTES`. */
  readonly maxSegmentBytes?: number;
  /** Default: the file system. */
  readonly openFile?: OpenWalFile;
}

const SEGMENT_NAME = /^(\d{8})\.wal$/;

/**
 * Opens the write-ahead log of one node, and creates its folder if there is none.
 *
 * @throws SwarmError DATA_LOCKED, DATA_DAMAGED, DATA_FOREIGN; DISK_FAILED when the folder cannot be used.
 */
export async function openWal(options: WalOptions): Promise<LogStorage> {
  const { folder } = options;
  const unlock = makeAndLock(folder);
  try {
    const names = (await readdir(folder)).filter((name) => SEGMENT_NAME.test(name)).sort();
    const paths = names.map((name) => join(folder, name));
    const segments = await Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(path) })));
    const { log, lastGroup, validBytes } = replaySegments(segments, options);
    const lastPath = paths.at(-1);
    const number = lastPath === undefined ? 0 : Number(SEGMENT_NAME.exec(names.at(-1) ?? '')?.[1]);
    // What was never synced goes, so that it cannot come back as a later crash's tail.
    if (lastPath !== undefined) await cut(lastPath, validBytes);
    const wal = new Wal(options, { log, lastGroup, number, position: validBytes, unlock });
    await wal.begin();
    return wal;
  } catch (error) {
    unlock();
    throw error;
  }
}

function makeAndLock(folder: string): () => void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return lockFolder(folder);
  } catch (error) {
    if (error instanceof SwarmError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('DISK_FAILED', `cannot use the data folder ${folder}: ${reason}`);
  }
}

interface WalState {
  readonly log: RecoveredLog;
  readonly lastGroup: number;
  readonly number: number;
  readonly position: number;
  readonly unlock: () => void;
}

/** One group at a time: while it syncs, what comes in becomes the next one. */
class Wal implements LogStorage {
  readonly recovered: RecoveredLog;
  readonly #options: WalOptions;
  readonly #unlock: () => void;
  #listener: StorageListener | undefined;
  #file: WalFile | undefined;
  #number: number;
  #position: number;
  #group: number;
  #queue: LogWrite[] = [];
  #phase: 'idle' | 'flushing' | 'failed' | 'closed' = 'idle';
  #idle: (() => void)[] = [];

  constructor(options: WalOptions, { log, lastGroup, number, position, unlock }: WalState) {
    this.#options = options;
    this.recovered = log;
    this.#group = lastGroup;
    this.#number = number;
    this.#position = position;
    this.#unlock = unlock;
  }

  /** Opens the last segment, or the first one of a new log. */
  async begin(): Promise<void> {
    if (this.#number === 0 || this.#position === 0) await this.#openSegment(Math.max(1, this.#number));
    else this.#file = await this.#open(this.#number);
  }

  start(listener: StorageListener): void {
    this.#listener = listener;
  }

  write(write: LogWrite): void {
    if (this.#phase === 'failed' || this.#phase === 'closed') return;
    this.#queue.push(write);
    if (this.#phase !== 'idle') return;
    this.#phase = 'flushing';
    // Not at once: all writes of one frame belong into one group.
    queueMicrotask(() => this.#flush());
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'flushing') await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#phase = 'closed';
    await this.#file?.close();
    this.#unlock();
  }

  #flush(): void {
    const group = this.#queue;
    const last = group.at(-1);
    if (last === undefined) return this.#rest('idle');
    this.#queue = [];
    if (this.#position >= (this.#options.maxSegmentBytes ?? MAX_SEGMENT_BYTES)) {
      this.#openSegment(this.#number + 1).then(
        () => this.#writeGroup(group, last.sequence),
        (error: unknown) => this.#fail(error),
      );
    } else this.#writeGroup(group, last.sequence);
  }

  #writeGroup(group: readonly LogWrite[], sequence: number): void {
    const file = this.#file;
    invariant(file !== undefined, 'an open log has a segment');
    const bytes = encodeGroup(group, ++this.#group);
    file.write(bytes, this.#position, (writeError) => {
      if (writeError !== null) return this.#fail(writeError);
      file.sync((syncError) => {
        if (syncError !== null) return this.#fail(syncError);
        this.#position += bytes.length;
        // The next group is on its way to the disk before anybody hears of this one.
        this.#flush();
        this.#listener?.onDurable(sequence);
      });
    });
  }

  async #openSegment(number: number): Promise<void> {
    await this.#file?.close();
    const file = await this.#open(number);
    this.#file = file;
    this.#number = number;
    const header = encodeSegmentHeader(this.#options, ++this.#group);
    await new Promise<void>((resolve, reject) => {
      file.write(header, 0, (writeError) => {
        if (writeError !== null) return reject(writeError);
        file.sync((syncError) => (syncError === null ? resolve() : reject(syncError)));
      });
    });
    this.#position = header.length;
    // A file whose name is not durable is gone after a crash, synced or not (etcd 6368).
    await syncFolder(this.#options.folder);
    if (number === 1) await syncFolder(dirname(this.#options.folder));
  }

  #open(number: number): Promise<WalFile> {
    const path = join(this.#options.folder, `${String(number).padStart(8, '0')}.wal`);
    return (this.#options.openFile ?? openWalFile)(path);
  }

  /** What the kernel did with the pages is not known any more: never try again (ATC'20). */
  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#rest('failed');
    this.#listener?.onFailed(
      new SwarmError('DISK_FAILED', `the log in ${this.#options.folder} failed: ${reason}`),
    );
  }

  #rest(phase: 'idle' | 'failed'): void {
    this.#phase = phase;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

/** Durably: a tail that came back behind newer records would be read as their continuation. */
async function cut(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
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
