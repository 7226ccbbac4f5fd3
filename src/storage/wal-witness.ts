import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { damaged } from './wal-damage.ts';
import { type OpenWalFile, openWalFile, type WalFile, writeDurably } from './wal-file.ts';
import { segmentPath } from './wal-folder.ts';
import { decodeSegmentHeader, encodeSegmentHeader, type Owner, type SegmentStart } from './wal-record.ts';

/** Up to where a log was durable. */
export interface DurableEnd {
  /** Number of its last segment. */
  readonly segment: number;
  readonly bytes: number;
}

/** And what the log had come to there. */
export interface Witnessed extends DurableEnd {
  /** Number of the last group. */
  readonly group: number;
  readonly tail: SegmentStart;
  readonly owner: Owner;
}

export const WITNESS_NAME = 'durable';
/** Two slots in sectors of their own take turns: a word that is torn leaves the one before it. */
const SLOT_BYTES = 512;
/** CRC-32 of what follows, segment (4 bytes), bytes (6 bytes), length of the rest (2 bytes); little-endian. */
const WORD_HEADER_BYTES = 16;

/** Between two words. A word for every sync would cost as much as it is worth. */
const PAUSE_MS: Millis = 100;
/** Between two syncs of it. Left to the kernel, a word would be up to half a minute old after a power cut. */
const SYNC_EVERY_MS: Millis = 1_000;

export interface WitnessOptions {
  readonly pauseMs?: Millis;
  readonly syncEveryMs?: Millis;
  readonly openFile?: OpenWalFile;
}

/**
 * A second mark of what was durable, apart from the log: without it a log that has lost its end reads like one that
 * never had it (FAST'18). It is written after the sync it tells of, and synced itself once a second: it may lag
 * behind, and it is never ahead.
 */
export class WalWitness {
  readonly #file: WalFile;
  readonly #owner: Owner;
  #slot = 0;
  readonly #pauseMs: Millis;
  readonly #syncEveryMs: Millis;
  #syncedAt: Millis = performance.now();
  #isSynced = true;
  #toldAt: Millis = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #timerAt: Millis = 0;
  #untold: Omit<Witnessed, 'owner'> | undefined;
  #telling: Promise<void> | undefined;
  #isClosed = false;

  private constructor(file: WalFile, owner: Owner, { pauseMs, syncEveryMs }: WitnessOptions) {
    this.#file = file;
    this.#owner = owner;
    this.#pauseMs = pauseMs ?? PAUSE_MS;
    this.#syncEveryMs = syncEveryMs ?? SYNC_EVERY_MS;
  }

  static async open(folder: string, owner: Owner, options: WitnessOptions = {}): Promise<WalWitness> {
    const { openFile = openWalFile } = options;
    return new WalWitness(await openFile(join(folder, WITNESS_NAME)), owner, options);
  }

  /** Everything up to `end` is durable. */
  note(end: Omit<Witnessed, 'owner'>): void {
    this.#untold = end;
    if (this.#telling !== undefined || this.#isClosed) return;
    this.#workAt(this.#toldAt + this.#pauseMs);
  }

  /** Tells and syncs what is to be told and synced, at `time` at the earliest. */
  #workAt(time: Millis): void {
    // A word does not wait for a sync that is due later.
    if (this.#timer !== undefined && this.#timerAt <= time) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const wait = time - performance.now();
    if (wait <= 0) return this.#work();
    this.#timerAt = time;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#work();
    }, wait);
    // Whoever ends before has lost a word, and nothing of the log.
    this.#timer.unref();
  }

  /** The last word, durably; none when the log has failed. */
  async close(end: Omit<Witnessed, 'owner'> | undefined): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#telling;
    try {
      if (end !== undefined) await writeDurably(this.#file, encode(end, this.#owner), this.#nextSlot());
    } finally {
      await this.#file.close();
    }
  }

  /** There is a word to be told, or one to be synced. */
  #work(): void {
    this.#telling = new Promise((resolve) => {
      const done = (): void => {
        this.#telling = undefined;
        resolve();
        if (this.#untold !== undefined) this.note(this.#untold);
        else if (!this.#isSynced && !this.#isClosed) this.#workAt(this.#syncedAt + this.#syncEveryMs);
      };
      if (this.#untold === undefined) this.#sync(done);
      else this.#tell(this.#untold, done);
    });
  }

  // An older word is as true as this one: whatever is wrong with the disk, the log itself will tell.
  #tell(end: Omit<Witnessed, 'owner'>, done: () => void): void {
    this.#untold = undefined;
    this.#toldAt = performance.now();
    this.#file.write(encode(end, this.#owner), this.#nextSlot(), () => {
      this.#isSynced = false;
      if (performance.now() < this.#syncedAt + this.#syncEveryMs) done();
      else this.#sync(done);
    });
  }

  #sync(done: () => void): void {
    this.#syncedAt = performance.now();
    this.#isSynced = true;
    this.#file.sync(() => done());
  }

  #nextSlot(): number {
    this.#slot = 1 - this.#slot;
    return this.#slot * SLOT_BYTES;
  }
}

/** What the log has come to is said as a segment that began there would say it. */
function encode({ segment, bytes, group, tail }: Omit<Witnessed, 'owner'>, owner: Owner): Buffer {
  const records = encodeSegmentHeader(owner, group, tail);
  const word = Buffer.concat([Buffer.alloc(WORD_HEADER_BYTES), records]);
  word.writeUInt32LE(segment, 4);
  word.writeUIntLE(bytes, 8, 6);
  word.writeUInt16LE(records.length, 14);
  word.writeUInt32LE(crc32(word.subarray(4)), 0);
  return word;
}

/** What a former life is known to have made durable; undefined when nothing is known. */
export async function readWitness(folder: string): Promise<Witnessed | undefined> {
  const words = await readFile(join(folder, WITNESS_NAME)).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const [first, second] = [decode(words, 0), decode(words, SLOT_BYTES)];
  if (first === undefined || second === undefined) return first ?? second;
  return isBefore(first, second) ? second : first;
}

function decode(words: Buffer, at: number): Witnessed | undefined {
  const slot = words.subarray(at, at + SLOT_BYTES);
  if (slot.length < WORD_HEADER_BYTES) return undefined;
  const word = slot.subarray(0, WORD_HEADER_BYTES + slot.readUInt16LE(14));
  if (word.readUInt32LE(0) !== crc32(word.subarray(4))) return undefined;
  const records = decodeSegmentHeader(word.subarray(WORD_HEADER_BYTES));
  if (records === undefined) return undefined;
  return { segment: word.readUInt32LE(4), bytes: word.readUIntLE(8, 6), ...records };
}

function isBefore(left: DurableEnd, right: DurableEnd): boolean {
  return left.segment < right.segment || (left.segment === right.segment && left.bytes < right.bytes);
}

/** What is wrong with a log that ends at `found`, when it is known to have been durable up to `witnessed`. */
export function lossOf(
  folder: string,
  found: DurableEnd,
  witnessed: DurableEnd | undefined,
): SwarmError | undefined {
  if (witnessed === undefined || !isBefore(found, witnessed)) return undefined;
  const { segment, bytes } = witnessed;
  const path = segmentPath(folder, segment);
  if (segment > found.segment)
    return damaged(path, 0, 'the segment is gone, or its beginning cannot be read');
  return damaged(
    path,
    found.bytes,
    `it was durable up to byte ${bytes}, and the rest cannot be read any more`,
  );
}
