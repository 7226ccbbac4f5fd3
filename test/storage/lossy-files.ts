import { type OpenWalFile, openWalFile, type WalFile } from '../../src/storage/wal-file.ts';

const SECTOR_BYTES = 512;

interface Sector {
  readonly file: WalFile;
  readonly bytes: Buffer;
  readonly position: number;
}

/**
 * Files on a disk with a cache: what was written is there after a power cut only if it was synced, or if the
 * disk happened to get to that sector first.
 */
export class LossyFiles {
  readonly #opened = new Set<WalFile>();
  #cached: Sector[] = [];
  /** Syncs that began before the power went: the disk gets to the end of them. */
  readonly #flushing = new Set<Promise<void>>();
  #syncsLeft: number;
  #onStalled: () => void = () => undefined;
  /** Resolves when a sync is asked for that will never be answered. */
  readonly stalled = new Promise<void>((resolve) => {
    this.#onStalled = resolve;
  });

  /** The power goes during the sync that follows after `syncs` of them. */
  constructor(syncs = Number.POSITIVE_INFINITY) {
    this.#syncsLeft = syncs;
  }

  readonly open: OpenWalFile = async (path) => {
    const file = await openWalFile(path);
    this.#opened.add(file);
    return {
      write: (bytes, position, done) => {
        this.#cached.push(...sectorsOf(file, bytes, position));
        setImmediate(() => done(null));
      },
      sync: (done) => {
        if (this.#syncsLeft <= 0) return this.#onStalled();
        this.#syncsLeft -= 1;
        const written = this.#cached.filter((sector) => sector.file === file);
        this.#cached = this.#cached.filter((sector) => sector.file !== file);
        const flushing = new Promise<void>((resolve) => writeAll(written, resolve));
        this.#flushing.add(flushing);
        void flushing.then(() => {
          this.#flushing.delete(flushing);
          setImmediate(() => done(null));
        });
      },
      close: async () => {
        // The power cut has closed it; its number may be another file's by now.
        if (!this.#opened.delete(file)) return;
        this.#cached = this.#cached.filter((sector) => sector.file !== file);
        await file.close();
      },
    };
  };

  /** The power goes during the next sync. */
  stall(): void {
    this.#syncsLeft = 0;
  }

  /** The power goes; of the sectors that were not synced, those stay that `survives` picks. */
  async powerCut(survives: () => boolean): Promise<void> {
    this.#syncsLeft = 0;
    await Promise.all(this.#flushing);
    const kept = this.#cached.filter(() => survives());
    this.#cached = [];
    await new Promise<void>((resolve) => writeAll(kept, resolve));
    const opened = [...this.#opened];
    this.#opened.clear();
    await Promise.all(opened.map((file) => file.close()));
  }
}

function sectorsOf(file: WalFile, bytes: Uint8Array, position: number): readonly Sector[] {
  const sectors: Sector[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
    const sector = Buffer.from(bytes.subarray(at, end));
    // Preallocated zeros read the same from a hole; the last ones make the file as long.
    if (end === bytes.length || sector.some((byte) => byte !== 0)) {
      sectors.push({ file, bytes: sector, position: position + at });
    }
    at = end;
  }
  return sectors;
}

function writeAll(sectors: readonly Sector[], done: () => void): void {
  const [first, ...rest] = sectors;
  if (first === undefined) return done();
  first.file.write(first.bytes, first.position, (error) => {
    if (error !== null) throw error;
    writeAll(rest, done);
  });
}
