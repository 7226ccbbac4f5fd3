import { invariant } from '../protocol/invariant.ts';
import type { LogWrite } from '../protocol/state.ts';
import { type OpenWalFile, openWalFile, type WalFile, writeDurably } from './wal-file.ts';
import { cutFile, segmentPath, syncFolder } from './wal-folder.ts';
import { GroupEncoder } from './wal-group.ts';
import { encodeSegmentHeader, type Owner, type SegmentStart } from './wal-record.ts';
import type { LogEnd, Segment } from './wal-replay.ts';
import type { DurableEnd } from './wal-witness.ts';

export interface SegmentWriterOptions extends Owner {
  readonly folder: string;
  /** Default: the file system. */
  readonly openFile?: OpenWalFile;
  /** False while every byte of the disk is needed for what is said. Default: true. */
  readonly mayPreallocate?: () => boolean;
}

/**
 * Zeros written ahead of small groups. A sync that makes no file longer leaves the file system's journal
 * alone: half the time for groups up to 64 entries, nothing gained from half of this size on.
 */
const PREALLOCATED_BYTES = 256 * 1024;

const MARK: LogWrite = {
  sequence: 0,
  hardState: undefined,
  restartAt: undefined,
  truncateFrom: undefined,
  entries: [],
};

/** Puts groups at the end of the log's last segment, one at a time. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #encoder = new GroupEncoder();
  #file: WalFile | undefined;
  #number = 0;
  /** Number of the last group. */
  #group: number;
  /** Offset of the next group. */
  #position = 0;
  /** Bytes of the file, preallocated ones included. */
  #allocated = 0;

  constructor(options: SegmentWriterOptions, group: number) {
    this.#options = options;
    this.#group = group;
  }

  /** Of the segment that is written to. */
  get number(): number {
    return this.#number;
  }

  /** Bytes of its groups. */
  get bytes(): number {
    return this.#position;
  }

  /** Up to where the log is durable while nothing is under way. */
  get end(): DurableEnd & { readonly group: number } {
    return { segment: this.#number, bytes: this.#position, group: this.#group };
  }

  /** Creates a segment and makes it the one to write to. */
  async begin(number: number, start: SegmentStart): Promise<void> {
    await this.close();
    const file = await this.#open(number);
    this.#group += 1;
    const header = encodeSegmentHeader(this.#options, this.#group, start);
    await writeDurably(file, header, 0);
    this.#position = header.length;
    this.#allocated = header.length;
    // A file whose name is not durable is gone after a crash, synced or not (etcd 6368).
    await syncFolder(this.#options.folder);
  }

  /** Goes on in the segment that a former life left. */
  async goOn({ number, path, bytes }: Segment, { lastGroupAt, validBytes }: LogEnd): Promise<void> {
    if (bytes.length > validBytes) await cutFile(path, validBytes);
    const file = await this.#open(number);
    // After a failed sync the kernel may hold pages for clean that never reached the disk (ATC'20). Only
    // the last group can be such a one: it is written again before anybody builds on it.
    await writeDurably(file, bytes.subarray(lastGroupAt, validBytes), lastGroupAt);
    this.#position = validBytes;
    this.#allocated = validBytes;
    await this.mark();
  }

  /** Writes one group and syncs it. Not called again before `done`. */
  write(writes: readonly LogWrite[], done: (error: Error | null) => void): void {
    const file = this.#file;
    invariant(file !== undefined, 'an open log has a segment');
    this.#group += 1;
    const { bytes, length } = this.#encoder.encode(writes, this.#group, (size) => this.#padding(size));
    const position = this.#position;
    file.write(bytes, position, (writeError) => {
      if (writeError !== null) return done(writeError);
      file.sync((syncError) => {
        if (syncError !== null) return done(syncError);
        this.#position = position + length;
        this.#allocated = Math.max(this.#allocated, position + bytes.length);
        done(null);
      });
    });
  }

  /** Says that what is before it is durable: damage to that can then be told from a tail that was never synced. */
  mark(): Promise<void> {
    return this.writeAlone(MARK);
  }

  /** One write as a group, with nothing preallocated behind it. */
  async writeAlone(write: LogWrite): Promise<void> {
    invariant(this.#file !== undefined, 'an open log has a segment');
    this.#group += 1;
    const { bytes } = this.#encoder.encode([write], this.#group, () => 0);
    await writeDurably(this.#file, bytes, this.#position);
    this.#position += bytes.length;
    this.#allocated = Math.max(this.#allocated, this.#position);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #open(number: number): Promise<WalFile> {
    const { folder, openFile = openWalFile } = this.#options;
    this.#number = number;
    this.#file = await openFile(segmentPath(folder, number));
    return this.#file;
  }

  /** Zeros to write behind a group of `length` bytes. */
  #padding(length: number): number {
    const end = this.#position + length;
    if (this.#options.mayPreallocate?.() === false) return 0;
    if (end <= this.#allocated || length >= PREALLOCATED_BYTES / 2) return 0;
    return Math.ceil(end / PREALLOCATED_BYTES) * PREALLOCATED_BYTES - end;
  }
}
