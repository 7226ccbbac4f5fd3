import type { ClusterId } from '../protocol/ids.ts';
import { MAX_SNAPSHOT_PIECE_BYTES } from '../protocol/limits.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import { SnapshotEncoder } from './snapshot-file.ts';
import type { WalFile } from './wal-file.ts';

/**
 * Bytes between two syncs of one file. A disk that has to take hundreds of megabytes at once keeps the log waiting
 * meanwhile, and a leader whose log waits steps down.
 */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

/** How long pieces are made before the event loop has its turn. */
const SLICE_MS = 2;

/** A file that grows at its end, and reaches the disk bit by bit. */
export class GrowingFile {
  readonly #file: WalFile;
  #bytes = 0;
  #unsynced = 0;

  constructor(file: WalFile) {
    this.#file = file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#file.write(bytes, this.#bytes, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#bytes += bytes.length;
    this.#unsynced += bytes.length;
    if (this.#unsynced >= SYNC_EVERY_BYTES) await this.sync();
  }

  /** A sync that fails is never tried again: the file is worth nothing then. */
  async sync(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#file.sync((error) => (error === null ? resolve() : reject(error)));
    });
    this.#unsynced = 0;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** The bytes of a snapshot file, in slices that are each made without keeping the event loop for long. */
export function* snapshotSlices(
  clusterId: ClusterId,
  meta: SnapshotMeta,
  pieces: Iterator<Uint8Array>,
): Generator<Uint8Array, void> {
  let slice: Uint8Array[] = [];
  let bytes = 0;
  let began = performance.now();
  for (const frame of frames(clusterId, meta, pieces)) {
    slice.push(frame);
    bytes += frame.length;
    if (bytes < MAX_SNAPSHOT_PIECE_BYTES && performance.now() - began < SLICE_MS) continue;
    yield Buffer.concat(slice);
    slice = [];
    bytes = 0;
    began = performance.now();
  }
  if (bytes > 0) yield Buffer.concat(slice);
}

function* frames(
  clusterId: ClusterId,
  meta: SnapshotMeta,
  pieces: Iterator<Uint8Array>,
): Generator<Uint8Array, void> {
  const encoder = new SnapshotEncoder();
  yield encoder.header(clusterId, meta);
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) yield encoder.piece(next.value);
  yield encoder.trailer();
}
