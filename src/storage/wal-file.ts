import { close, constants, fdatasync, open, write } from 'node:fs';
import { promisify } from 'node:util';

/** The few calls the log makes on one open segment; tests put failing ones in their place. */
export interface WalFile {
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number, done: (error: Error | null) => void): void;
  /** Makes what was written survive a crash. */
  sync(done: (error: Error | null) => void): void;
  close(): Promise<void>;
}

export type OpenWalFile = (path: string) => Promise<WalFile>;

/** Opens a segment for writing, and creates it if it is not there. */
export const openWalFile: OpenWalFile = async (path) => {
  const fd = await promisify(open)(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const writeAll = (bytes: Uint8Array, position: number, done: (error: Error | null) => void): void => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error !== null || written === bytes.length) done(error);
      else writeAll(bytes.subarray(written), position + written, done);
    });
  };
  return {
    write: writeAll,
    sync: (done) => fdatasync(fd, done),
    close: () => promisify(close)(fd),
  };
};

/** Writes and syncs, for the moments that are not hot. */
export async function writeDurably(file: WalFile, bytes: Uint8Array, position: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    file.write(bytes, position, (writeError) => {
      if (writeError !== null) return reject(writeError);
      file.sync((syncError) => (syncError === null ? resolve() : reject(syncError)));
    });
  });
}
