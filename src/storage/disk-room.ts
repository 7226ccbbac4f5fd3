import { statfs } from 'node:fs/promises';
import { DISK_RESERVE_BYTES } from '../protocol/limits.ts';
import type { OpenWalFile, WalFile } from './wal-file.ts';

/** Room on the disk that a folder is on. */
export interface Room {
  /** What this user may still write. */
  readonly freeBytes: number;
  /** 0: a file system that does not say. */
  readonly totalBytes: number;
}

export interface RoomWatch {
  /** Default: statfs(2). */
  readonly measure?: (folder: string) => Promise<Room>;
  /** How often room is looked for while there is too little, and at most while there is enough. Default 500 ms. */
  readonly lookAgainMs?: number;
}

/** A small disk is not to be given up because of a margin that is meant for a large one. */
const RESERVE_SHARE = 1 / 20;
/** So much more than the reserve must be free before commands are taken again: no flutter at the edge. */
const EASED = 1.25;
/** Looks within one reserve's worth of writing. */
const LOOKS_PER_RESERVE = 4;

/**
 * Watches the room on the disk of a log. It is short before it is used up: what votes, elections and commands
 * under way still have to write goes to the rest.
 *
 * Asking costs a system call, so it is asked beside the writing, every so many bytes or milliseconds of it: an idle log
 * does not ask.
 */
export class DiskRoom {
  readonly #folder: string;
  readonly #measure: (folder: string) => Promise<Room>;
  readonly #lookAgainMs: number;
  #waiting: (() => void)[] = [];
  #reserve = DISK_RESERVE_BYTES;
  #isShort = false;
  #state: 'unused' | 'resting' | 'looking' | 'stopped' = 'unused';
  #lookedAt = 0;
  #writtenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #onChanged: (room: 'short' | 'ample') => void = () => undefined;

  constructor({ folder, measure = measureRoom, lookAgainMs = 500 }: RoomWatch & { readonly folder: string }) {
    this.#folder = folder;
    this.#measure = measure;
    this.#lookAgainMs = lookAgainMs;
  }

  /** Less than the reserve is left. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Whoever finds no room may wait for it: not while the log is being opened, nor when it closes. */
  get isWatched(): boolean {
    return this.#state === 'resting' || this.#state === 'looking';
  }

  /** Begins to watch, and knows how things are when it resolves. */
  async begin(onChanged: (room: 'short' | 'ample') => void): Promise<void> {
    this.#onChanged = onChanged;
    this.#state = 'resting';
    await this.#look();
  }

  /** `bytes` more have been written. */
  noteWritten(bytes: number): void {
    this.#writtenBytes += bytes;
    const isDue =
      this.#writtenBytes >= this.#reserve / LOOKS_PER_RESERVE ||
      performance.now() - this.#lookedAt >= this.#lookAgainMs;
    if (isDue && this.#timer === undefined) void this.#look();
  }

  /** Something was refused for lack of room: `tryAgain` is called at the next look, or when nobody looks any more. */
  atNextLook(tryAgain: () => void): void {
    this.#waiting.push(tryAgain);
    this.#set('short');
    this.#scheduleLook();
  }

  /** Nobody waits any longer. */
  stop(): void {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    this.#tryAgain();
  }

  async #look(): Promise<void> {
    if (this.#state !== 'resting') return;
    this.#state = 'looking';
    // Who cannot be asked is taken to have room: whether it has is told by the next write.
    const room = await this.#measure(this.#folder).catch(() => undefined);
    if (this.#state !== 'looking') return;
    this.#state = 'resting';
    this.#lookedAt = performance.now();
    this.#writtenBytes = 0;
    // Who waits knows better than the file system: it may be this user's share of it that is used up.
    if (this.#waiting.length === 0) this.#judge(room);
    this.#tryAgain();
    this.#scheduleLook();
  }

  #tryAgain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tryAgain of waiting) tryAgain();
  }

  #judge(room: Room | undefined): void {
    if (room === undefined || room.totalBytes === 0) return;
    this.#reserve = reserveOf(room);
    const least = this.#reserve * (this.#isShort ? EASED : 1);
    this.#set(room.freeBytes < least ? 'short' : 'ample');
  }

  #set(room: 'short' | 'ample'): void {
    const isShort = room === 'short';
    if (isShort === this.#isShort) return;
    this.#isShort = isShort;
    this.#onChanged(room);
  }

  #scheduleLook(): void {
    if (!this.#isShort || this.#timer !== undefined || this.#state === 'stopped') return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, this.#lookAgainMs);
  }
}

/** What is left of a disk for what is under way: with less, commands are refused. */
export function reserveOf({ totalBytes }: Room): number {
  return Math.min(DISK_RESERVE_BYTES, totalBytes * RESERVE_SHARE);
}

/** statfs(2). @throws errors of the file system. */
export async function measureRoom(folder: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/**
 * Files whose writes wait for room. A write that was refused for lack of it has lost nothing that was there, and
 * the same bytes at the same place make it good; nobody was told of them. A sync is a different matter, and is never
 * asked for again (ATC'20).
 */
export function patientFiles(room: DiskRoom, openFile: OpenWalFile): OpenWalFile {
  const mayWait = (error: unknown): boolean => isNoRoom(error) && room.isWatched;
  return async function openPatiently(path) {
    const file = await openFile(path).catch((error: unknown) => {
      if (mayWait(error)) return undefined;
      throw error;
    });
    if (file === undefined) {
      await new Promise<void>((resolve) => room.atNextLook(resolve));
      return openPatiently(path);
    }
    const write: WalFile['write'] = (bytes, position, done) => {
      file.write(bytes, position, (error) => {
        if (mayWait(error)) room.atNextLook(() => write(bytes, position, done));
        else done(error);
      });
    };
    return { write, sync: (done) => file.sync(done), close: () => file.close() };
  };
}

/** No space, or none of this user's share of it. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
