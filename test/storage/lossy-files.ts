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
  #cached: Sector[] = [];
  #cut = false;

  readonly open: OpenWalFile = async (path) => {
    const file = await openWalFile(path);
    return {
      write: (bytes, position, done) => {
        this.#cached.push(...sectorsOf(file, bytes, position));
        setImmediate(() => done(null));
      },
      sync: (done) => {
        // Nobody answers once the power is gone.
        if (this.#cut) return;
        const written = this.#cached.filter((sector) => sector.file === file);
        this.#cached = this.#cached.filter((sector) => sector.file !== file);
        writeAll(written, () => setImmediate(() => (this.#cut ? undefined : done(null))));
      },
      close: () => file.close(),
    };
  };

  /** The power goes; of the sectors that were not synced, those stay that `survives` picks. */
  async powerCut(survives: () => boolean): Promise<void> {
    this.#cut = true;
    const kept = this.#cached.filter(() => survives());
    this.#cached = [];
    await new Promise<void>((resolve) => writeAll(kept, resolve));
  }
}

function sectorsOf(file: WalFile, bytes: Uint8Array, position: number): readonly Sector[] {
  const sectors: Sector[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
    sectors.push({ file, bytes: Buffer.from(bytes.subarray(at, end)), position: position + at });
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
