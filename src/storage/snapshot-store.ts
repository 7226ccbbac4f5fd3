import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { ClusterId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { LogPosition, SnapshotMeta } from '../protocol/state.ts';
import { diskFailed } from './disk-error.ts';
import type { SnapshotReader, SnapshotReceipt, SnapshotSource, SnapshotStore } from './port.ts';
import {
  removeOlder,
  type StoredSnapshot,
  snapshotPath,
  streamSnapshot,
  temporaryPath,
} from './snapshot-folder.ts';
import { PartialSnapshot } from './snapshot-receipt.ts';
import { isSameSource, noSnapshot } from './snapshot-source.ts';
import { GrowingFile, snapshotSlices } from './snapshot-writing.ts';
import { type OpenWalFile, openWalFile } from './wal-file.ts';
import { syncFolder } from './wal-folder.ts';

interface SnapshotFilesOptions {
  readonly folder: string;
  readonly clusterId: ClusterId;
  readonly openFile?: OpenWalFile;
}

type Done<T> = (outcome: Outcome<T>) => void;

/**
 * The snapshots of a folder. A new one grows under a temporary name and takes its own when all of it is on the
 * disk, so that a file with a proper name is whole, or has rotted.
 */
export class SnapshotFiles implements SnapshotStore {
  readonly #folder: string;
  readonly #clusterId: ClusterId;
  readonly #openFile: OpenWalFile;
  readonly #running = new Set<Promise<void>>();
  readonly #readers = new Set<FileHandle>();
  #latest: StoredSnapshot | undefined;
  #temporaries = 0;
  #saving = false;
  #partial: PartialSnapshot | undefined;
  /** Receipts take turns, so that nobody writes to a file that is being thrown away. */
  #receiving: Promise<unknown> = Promise.resolve();
  /** Two that are whole at the same time take their names one after the other. */
  #publishing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(
    { folder, clusterId, openFile = openWalFile }: SnapshotFilesOptions,
    latest: StoredSnapshot | undefined,
  ) {
    this.#folder = folder;
    this.#clusterId = clusterId;
    this.#openFile = openFile;
    this.#latest = latest;
  }

  get latest(): SnapshotMeta | undefined {
    return this.#latest?.meta;
  }

  get latestBytes(): number {
    return this.#latest?.bytes ?? 0;
  }

  save(meta: SnapshotMeta, pieces: Iterator<Uint8Array>, done: Done<void>): void {
    invariant(!this.#saving, 'one snapshot is saved at a time');
    this.#saving = true;
    this.#run(
      () => this.#save(meta, pieces),
      (outcome) => {
        this.#saving = false;
        done(outcome);
      },
    );
  }

  load(onPiece: (piece: Uint8Array) => void, done: Done<SnapshotMeta>): void {
    this.#run(async () => {
      const { handle, stored } = await this.#openLatest();
      try {
        const path = stored.path;
        const reading = { path, clusterId: this.#clusterId, onPiece: this.#whileOpen(onPiece) };
        return (await streamSnapshot(handle, reading)).meta;
      } finally {
        await handle.close();
      }
    }, done);
  }

  open(done: Done<SnapshotReader>): void {
    this.#run(async () => {
      const { handle, stored } = await this.#openLatest();
      this.#readers.add(handle);
      return this.#reader(handle, stored);
    }, done);
  }

  receive(source: SnapshotSource, done: Done<SnapshotReceipt>): void {
    this.#inTurn(async () => {
      const held = this.#partial;
      if (held?.isOpen === true && isSameSource(held.source, source)) return this.#receipt(held);
      this.#partial = undefined;
      await held?.discard();
      this.#temporaries += 1;
      const path = temporaryPath(this.#folder, this.#temporaries);
      const partial = await PartialSnapshot.begin(source, path, this.#openFile);
      this.#partial = partial;
      return this.#receipt(partial);
    }, done);
  }

  /** Ends what is under way, unfinished. Nobody hears of it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    const partial = this.#partial;
    this.#partial = undefined;
    const readers = [...this.#readers];
    this.#readers.clear();
    await Promise.allSettled([partial?.discard(), ...readers.map((reader) => reader.close())]);
  }

  async #save(meta: SnapshotMeta, pieces: Iterator<Uint8Array>): Promise<void> {
    if (!this.#isNewer(meta)) return;
    this.#temporaries += 1;
    const path = temporaryPath(this.#folder, this.#temporaries);
    try {
      const bytes = await this.#write(path, snapshotSlices(this.#clusterId, meta, pieces));
      await this.#publish({ meta, path, bytes });
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async #write(path: string, slices: Iterable<Uint8Array>): Promise<number> {
    const file = new GrowingFile(await this.#openFile(path));
    try {
      for (const slice of slices) {
        this.#checkOpen();
        await file.append(slice);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return file.bytes;
  }

  /** Makes a file that is whole and synced the latest, durably. */
  #publish(whole: StoredSnapshot): Promise<void> {
    const published = this.#publishing.then(() => this.#takeName(whole));
    this.#publishing = published.catch(() => undefined);
    return published;
  }

  async #takeName({ meta, path: temporary, bytes }: StoredSnapshot): Promise<void> {
    if (!this.#isNewer(meta)) return rm(temporary, { force: true });
    const path = snapshotPath(this.#folder, meta);
    try {
      await rename(temporary, path);
      // Without it the old name, or none, is back after a power cut.
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(temporary, { force: true });
      await rm(path, { force: true });
      throw error;
    }
    this.#latest = { meta, path, bytes };
    await removeOlder(this.#folder, meta);
  }

  #isNewer({ index }: LogPosition): boolean {
    return this.#latest === undefined || index > this.#latest.meta.index;
  }

  async #openLatest(): Promise<{ readonly handle: FileHandle; readonly stored: StoredSnapshot }> {
    for (;;) {
      const stored = this.#latest;
      if (stored === undefined) throw noSnapshot();
      try {
        return { handle: await open(stored.path, 'r'), stored };
      } catch (error) {
        // A newer one has taken its place meanwhile.
        if (stored === this.#latest) throw error;
      }
    }
  }

  #reader(handle: FileHandle, { meta, path, bytes }: StoredSnapshot): SnapshotReader {
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const piece = Buffer.allocUnsafeSlow(length);
      for (let held = 0; held < length; ) {
        const { bytesRead } = await handle.read(piece, held, length - held, offset + held);
        if (bytesRead === 0) throw new SwarmError('DATA_DAMAGED', `${path} has become shorter`, { path });
        held += bytesRead;
      }
      return piece;
    };
    return {
      meta,
      totalBytes: bytes,
      read: (offset, length, done) => this.#run(() => read(offset, length), done),
      close: () => {
        // The handle itself waits for the reads that are under way.
        if (this.#readers.delete(handle))
          this.#run(
            () => handle.close(),
            () => undefined,
          );
      },
    };
  }

  #receipt(partial: PartialSnapshot): SnapshotReceipt {
    return {
      get heldBytes() {
        return partial.heldBytes;
      },
      append: (bytes, done) => this.#inTurn(() => partial.append(bytes), done),
      finish: (done) =>
        this.#inTurn(async () => {
          const whole = await partial.check(this.#clusterId);
          await this.#publish(whole);
          return whole.meta;
        }, done),
    };
  }

  #inTurn<T>(work: () => Promise<T>, done: Done<T>): void {
    this.#run(() => {
      const turn = this.#receiving.then(work);
      this.#receiving = turn.catch(() => undefined);
      return turn;
    }, done);
  }

  #whileOpen(onPiece: (piece: Uint8Array) => void): (piece: Uint8Array) => void {
    return (piece) => {
      this.#checkOpen();
      onPiece(piece);
    };
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SwarmError('STOPPED', 'the storage was closed');
  }

  /** Does `work` and tells its outcome, unless the storage was closed meanwhile. */
  #run<T>(work: () => Promise<T>, done: Done<T>): void {
    if (this.#isClosed) return;
    const outcome = work().then(
      (value): Outcome<T> => ({ ok: true, value }),
      (error: unknown): Outcome<T> => ({ ok: false, error: this.#asSwarmError(error) }),
    );
    const told = outcome.then((settled) => {
      this.#running.delete(told);
      if (!this.#isClosed) done(settled);
    });
    this.#running.add(told);
  }

  /** What is neither ours nor of the file system is a bug, and goes on as one. */
  #asSwarmError(error: unknown): SwarmError {
    if (error instanceof SwarmError) return error;
    if (error instanceof Error && 'code' in error && 'syscall' in error)
      return diskFailed(this.#folder, error);
    throw error;
  }
}
