import type { OpenWalFile } from './wal-file.ts';

/**
 * Files whose sync comes back in `maxSyncMs`, if only with an error. Whether such a sync succeeds later is nobody's
 * business: what it was for is not known to be durable, and a disk that hangs is a disk that failed.
 */
export function boundedSyncs(openFile: OpenWalFile, maxSyncMs: number): OpenWalFile {
  return async (path) => {
    const file = await openFile(path);
    return {
      write: (bytes, position, done) => file.write(bytes, position, done),
      sync(done) {
        let isOver = false;
        const end = (error: Error | null): void => {
          if (isOver) return;
          isOver = true;
          clearTimeout(late);
          done(error);
        };
        const late = setTimeout(() => end(new SyncTimeout(path, maxSyncMs)), maxSyncMs);
        file.sync(end);
      },
      close: () => file.close(),
    };
  };
}

class SyncTimeout extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(path: string, ms: number) {
    super(`ETIMEDOUT: the sync of '${path}' has not come back for ${ms / 1_000} s`);
  }
}
