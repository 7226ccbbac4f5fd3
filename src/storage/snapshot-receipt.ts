import { open, rm } from 'node:fs/promises';
import type { ClusterId } from '../protocol/ids.ts';
import type { SnapshotSource } from './port.ts';
import { type StoredSnapshot, streamSnapshot } from './snapshot-folder.ts';
import { forgotten, mismatch, tooLong } from './snapshot-source.ts';
import { GrowingFile } from './snapshot-writing.ts';
import type { OpenWalFile } from './wal-file.ts';

/** What has come of a snapshot so far, in a file of its own. One call at a time. */
export class PartialSnapshot {
  readonly source: SnapshotSource;
  readonly #path: string;
  #file: GrowingFile | undefined;
  #heldBytes = 0;

  private constructor(source: SnapshotSource, path: string, file: GrowingFile) {
    this.source = source;
    this.#path = path;
    this.#file = file;
  }

  static async begin(source: SnapshotSource, path: string, openFile: OpenWalFile): Promise<PartialSnapshot> {
    return new PartialSnapshot(source, path, new GrowingFile(await openFile(path)));
  }

  /** Bytes in the file. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** False once it has been thrown away or checked. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** A failure throws away all that came: what is in the file then is not known. */
  async append(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw forgotten(this.source);
    try {
      if (file.bytes + bytes.length > this.source.totalBytes) throw tooLong(this.source);
      await file.append(bytes);
      this.#heldBytes = file.bytes;
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /**
   * Syncs the file and reads all of it. It stays under its own name.
   *
   * @throws SwarmError DATA_DAMAGED, DATA_FOREIGN; then nothing is left of it.
   */
  async check(clusterId: ClusterId): Promise<StoredSnapshot> {
    const file = this.#file;
    if (file === undefined) throw forgotten(this.source);
    const path = this.#path;
    try {
      await file.sync();
      this.#file = undefined;
      await file.close();
      const handle = await open(path, 'r');
      try {
        const found = await streamSnapshot(handle, { path, clusterId, onPiece: () => undefined });
        const error = mismatch(this.source, found.meta, found.bytes);
        if (error !== undefined) throw error;
        return { ...found, path };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async discard(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } finally {
      await rm(this.#path, { force: true });
    }
  }
}
