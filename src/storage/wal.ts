import { SwarmError } from '../protocol/errors.ts';
import { InvariantError, invariant } from '../protocol/invariant.ts';
import { MAX_SEGMENT_BYTES } from '../protocol/limits.ts';
import type { LogWrite } from '../protocol/state.ts';
import type { LogStorage, RecoveredLog, StorageListener } from './port.ts';
import { type OpenWalFile, openWalFile, type WalFile, writeDurably } from './wal-file.ts';
import {
  claimFolder,
  cutFile,
  diskFailed,
  readSegments,
  type Segment,
  segmentPath,
  syncFolder,
} from './wal-folder.ts';
import { GroupEncoder } from './wal-group.ts';
import { encodeSegmentHeader, type Owner } from './wal-record.ts';
import { type LogEnd, replaySegments } from './wal-replay.ts';

export interface WalOptions extends Owner {
  readonly folder: string;
  /** A segment of at least this size gets a successor. Default `MAX_SEGMENT_BYTES`. */
  readonly maxSegmentBytes?: number;
  /** Default: the file system. */
  readonly openFile?: OpenWalFile;
}

/**
 * Zeros written ahead of small groups. A sync that makes no file longer leaves the file system's journal
 * alone: half the time for groups up to 64 entries, nothing gained from half of this size on.
 */
const PREALLOCATED_BYTES = 256 * 1024;

const MARK: LogWrite = { sequence: 0, hardState: undefined, truncateFrom: undefined, entries: [] };

/**
 * Opens the write-ahead log of one node, and creates its folder if there is none.
 *
 * @throws SwarmError DATA_LOCKED, DATA_DAMAGED, DATA_FOREIGN; DISK_FAILED when the folder cannot be used.
 */
export async function openWal(options: WalOptions): Promise<LogStorage> {
  const { folder } = options;
  let unlock: (() => void) | undefined;
  let wal: Wal | undefined;
  try {
    unlock = await claimFolder(folder);
    const segments = await readSegments(folder);
    const { log, end } = replaySegments(segments, options);
    const last = segments.at(-1);
    wal = new Wal(options, { recovered: log, group: end.group, unlock });
    if (last === undefined || end.validBytes === 0) await wal.beginSegment(last?.number ?? 1);
    else await wal.continueSegment(last, end);
    return wal;
  } catch (error) {
    await wal?.closeFile();
    unlock?.();
    if (error instanceof SwarmError || error instanceof InvariantError) throw error;
    throw diskFailed(folder, error);
  }
}

interface WalStart {
  readonly recovered: RecoveredLog;
  /** Number of the last group. */
  readonly group: number;
  readonly unlock: () => void;
}

/** One group at a time: while it syncs, what comes in becomes the next one. */
class Wal implements LogStorage {
  readonly recovered: RecoveredLog;
  readonly #options: WalOptions;
  readonly #unlock: () => void;
  readonly #encoder = new GroupEncoder();
  #listener: StorageListener | undefined;
  #file: WalFile | undefined;
  #number = 0;
  #group: number;
  /** Offset of the next group. */
  #position = 0;
  /** Bytes of the file, preallocated ones included. */
  #allocated = 0;
  #queue: LogWrite[] = [];
  #phase: 'idle' | 'flushing' | 'failed' = 'idle';
  #onRest: () => void = () => undefined;
  #closed: Promise<void> | undefined;

  constructor(options: WalOptions, start: WalStart) {
    this.#options = options;
    this.recovered = start.recovered;
    this.#group = start.group;
    this.#unlock = start.unlock;
  }

  /** Creates a segment and makes it the one to write to. */
  async beginSegment(number: number): Promise<void> {
    await this.closeFile();
    const file = await this.#open(number);
    this.#group += 1;
    const header = encodeSegmentHeader(this.#options, this.#group);
    await writeDurably(file, header, 0);
    this.#position = header.length;
    this.#allocated = header.length;
    // A file whose name is not durable is gone after a crash, synced or not (etcd 6368).
    await syncFolder(this.#options.folder);
  }

  /** Goes on in the segment that a former life left. */
  async continueSegment(
    { number, path, bytes }: Segment,
    { lastGroupAt, validBytes }: LogEnd,
  ): Promise<void> {
    if (bytes.length > validBytes) await cutFile(path, validBytes);
    const file = await this.#open(number);
    // After a failed sync the kernel may hold pages for clean that never reached the disk (ATC'20). Only
    // the last group can be such a one: it is written again before anybody builds on it.
    await writeDurably(file, bytes.subarray(lastGroupAt, validBytes), lastGroupAt);
    this.#position = validBytes;
    this.#allocated = validBytes;
    await this.#mark(file);
  }

  async closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  start(listener: StorageListener): void {
    invariant(this.#listener === undefined, 'a log is started once');
    this.#listener = listener;
  }

  write(write: LogWrite): void {
    if (this.#phase === 'failed' || this.#closed !== undefined) return;
    this.#queue.push(write);
    if (this.#phase !== 'idle') return;
    this.#phase = 'flushing';
    // Not at once: all writes of one turn belong into one group.
    queueMicrotask(() => this.#flush());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#phase === 'flushing') {
      await new Promise<void>((resolve) => {
        this.#onRest = resolve;
      });
    }
    try {
      // From here on damage to the last group can be told from a tail that was never synced.
      if (this.#phase === 'idle' && this.#file !== undefined) await this.#mark(this.#file);
      await this.closeFile();
    } catch (error) {
      throw diskFailed(this.#options.folder, error);
    } finally {
      await this.#giveBack();
    }
  }

  /** Whatever became of the last file, the folder is free for the next life. */
  async #giveBack(): Promise<void> {
    try {
      await this.closeFile();
    } finally {
      this.#unlock();
    }
  }

  #flush(): void {
    const writes = this.#queue;
    const last = writes.at(-1);
    if (last === undefined) return this.#rest('idle');
    this.#queue = [];
    if (this.#position < (this.#options.maxSegmentBytes ?? MAX_SEGMENT_BYTES)) {
      return this.#writeGroup(writes, last.sequence);
    }
    this.beginSegment(this.#number + 1).then(
      () => this.#writeGroup(writes, last.sequence),
      (error: unknown) => this.#fail(error),
    );
  }

  #writeGroup(writes: readonly LogWrite[], sequence: number): void {
    const file = this.#file;
    invariant(file !== undefined, 'an open log has a segment');
    this.#group += 1;
    const { bytes, length } = this.#encoder.encode(writes, this.#group, (size) => this.#padding(size));
    const position = this.#position;
    file.write(bytes, position, (writeError) => {
      if (writeError !== null) return this.#fail(writeError);
      file.sync((syncError) => {
        if (syncError !== null) return this.#fail(syncError);
        this.#position = position + length;
        this.#allocated = Math.max(this.#allocated, position + bytes.length);
        // The next group is on its way to the disk before anybody hears of this one.
        this.#flush();
        this.#listener?.onDurable(sequence);
      });
    });
  }

  /** Zeros to write behind a group of `length` bytes. */
  #padding(length: number): number {
    const end = this.#position + length;
    if (end <= this.#allocated || length >= PREALLOCATED_BYTES / 2) return 0;
    return Math.ceil(end / PREALLOCATED_BYTES) * PREALLOCATED_BYTES - end;
  }

  async #mark(file: WalFile): Promise<void> {
    this.#group += 1;
    const { bytes } = this.#encoder.encode([MARK], this.#group, () => 0);
    await writeDurably(file, bytes, this.#position);
    this.#position += bytes.length;
  }

  async #open(number: number): Promise<WalFile> {
    const { folder, openFile = openWalFile } = this.#options;
    this.#number = number;
    this.#file = await openFile(segmentPath(folder, number));
    return this.#file;
  }

  /** What the kernel did with the pages is not known any more: never try again (ATC'20). */
  #fail(cause: unknown): void {
    this.#rest('failed');
    this.#listener?.onFailed(diskFailed(this.#options.folder, cause));
  }

  #rest(phase: 'idle' | 'failed'): void {
    this.#phase = phase;
    this.#queue = [];
    this.#onRest();
  }
}
