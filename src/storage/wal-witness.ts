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

/** Between a word and the sync of it: one for every word would double the syncs of the log. */
const SYNC_AFTER_MS: Millis = 100;

export interface WitnessOptions {
  readonly syncAfterMs?: Millis;
  readonly openFile?: OpenWalFile;
}

type Word = Omit<Witnessed, 'owner'>;
type Told = (error: Error | null) => void;

/**
 * A second mark of what was durable, apart from the log: without it a log that has lost its end reads like one that
 * never had it (FAST'18). A word is written after the sync it tells of, and before anybody hears of that: it is never
 * ahead, and behind only of what nobody counts on. It is synced a little later, beside the log.
 */
export class WalWitness {
  readonly #file: WalFile;
  readonly #owner: Owner;
  readonly #syncAfterMs: Millis;
  #slot = 0;
  #isTelling = false;
  #next: { readonly word: Word; readonly told: Told } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isSyncing = false;
  /** Of a sync, for whoever tells something next. */
  #failure: Error | null = null;
  #onRest: () => void = () => undefined;
  #isClosed = false;

  private constructor(file: WalFile, owner: Owner, { syncAfterMs = SYNC_AFTER_MS }: WitnessOptions) {
    this.#file = file;
    this.#owner = owner;
    this.#syncAfterMs = syncAfterMs;
  }

  /** `word` is what an opening has come to: the next life may count on it without a write. */
  static async open(folder: string, owner: Owner, word: Word, options: WitnessOptions): Promise<WalWitness> {
    const { openFile = openWalFile } = options;
    const witness = new WalWitness(await openFile(join(folder, WITNESS_NAME)), owner, options);
    await writeDurably(witness.#file, encode(word, owner), witness.#nextSlot());
    return witness;
  }

  /**
   * Everything up to `word` is durable. `told` comes when that is said, or when it could not be; not at all when a later
   * word was said in its place.
   */
  tell(word: Word, told: Told): void {
    this.#next = { word, told };
    if (!this.#isTelling) this.#tellNext();
  }

  #tellNext(): void {
    const next = this.#next;
    this.#next = undefined;
    this.#isTelling = next !== undefined;
    if (next === undefined) return this.#considerRest();
    this.#file.write(encode(next.word, this.#owner), this.#nextSlot(), (error) => {
      this.#syncSoon();
      next.told(error ?? this.#failure);
      this.#tellNext();
    });
  }

  #syncSoon(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sync();
    }, this.#syncAfterMs);
    // Whoever ends before has lost nothing: only a power cut asks for more than what was written.
    this.#timer.unref();
  }

  #sync(): void {
    if (this.#isSyncing) return this.#syncSoon();
    this.#isSyncing = true;
    this.#file.sync((error) => {
      this.#isSyncing = false;
      this.#failure ??= error;
      this.#considerRest();
    });
  }

  #considerRest(): void {
    if (!this.#isTelling && !this.#isSyncing) this.#onRest();
  }

  /** Nothing is being told any more. */
  async rest(): Promise<void> {
    if (!this.#isTelling && !this.#isSyncing) return;
    await new Promise<void>((resolve) => {
      this.#onRest = resolve;
    });
  }

  /** The last word, durably; none when the log has failed. */
  async close(word: Word | undefined): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.rest();
    try {
      if (word !== undefined) await this.#tellLast(word);
    } finally {
      await this.#file.close();
    }
  }

  async #tellLast(word: Word): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await writeDurably(this.#file, encode(word, this.#owner), this.#nextSlot());
  }

  #nextSlot(): number {
    this.#slot = 1 - this.#slot;
    return this.#slot * SLOT_BYTES;
  }
}

/** What the log has come to is said as a segment that began there would say it. */
function encode({ segment, bytes, group, tail }: Word, owner: Owner): Buffer {
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
