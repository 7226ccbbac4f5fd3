import type { Tape } from './tape.ts';

type Callbacks = typeof import('node:fs');
type Promises = typeof import('node:fs/promises');
type Done = (error: Error | null) => void;

type WriteRest = [offset: number, length: number, position: number, done: Done];

/** The calls of the log on its segments. Syncs come back at once: the tape knows what they cover. */
export function recordedCallbacks(fs: Callbacks, tape: () => Tape | undefined) {
  return {
    open(path: string, flags: number, mode: number, done: (error: Error | null, fd: number) => void): void {
      fs.open(path, flags, mode, (error, fd) => {
        if (error === null) tape()?.opened(path, fd);
        done(error, fd);
      });
    },
    write(fd: number, bytes: Uint8Array, ...[offset, length, position, done]: WriteRest): void {
      tape()?.written(fd, bytes.subarray(offset, offset + length), position);
      fs.write(fd, bytes, offset, length, position, done);
    },
    fdatasync(fd: number, done: Done): void {
      const synced = tape()?.syncing(fd);
      setImmediate(() => {
        synced?.();
        done(null);
      });
    },
    close(fd: number, done: Done): void {
      tape()?.closed(fd);
      fs.close(fd, done);
    },
  };
}

/** The calls on folders and names. */
export function recordedPromises(fs: Promises, tape: () => Tape | undefined) {
  const open = async (path: string, flags: string): Promise<import('node:fs/promises').FileHandle> => {
    const handle = await fs.open(path, flags);
    const isFolder = (await handle.stat()).isDirectory();
    if (!isFolder && flags !== 'r') tape()?.opened(path, handle);
    const truncate = handle.truncate.bind(handle);
    handle.truncate = (length) => {
      tape()?.truncated(handle, length ?? 0);
      return truncate(length);
    };
    handle.sync = async () => {
      const synced = isFolder ? tape()?.syncingNames(path) : tape()?.syncing(handle);
      await new Promise((resolve) => setImmediate(resolve));
      synced?.();
    };
    return handle;
  };
  return {
    open,
    rename(from: string, to: string): Promise<void> {
      tape()?.renamed(from, to);
      return fs.rename(from, to);
    },
    rm(path: string, options: import('node:fs').RmOptions): Promise<void> {
      tape()?.removed(path);
      return fs.rm(path, options);
    },
    unlink(path: string): Promise<void> {
      tape()?.removed(path);
      return fs.unlink(path);
    },
  };
}
