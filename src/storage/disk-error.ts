import { SwarmError } from '../protocol/errors.ts';
import { BUSY_RETRY_AFTER_MS } from '../protocol/limits.ts';
import { isNoRoom } from './disk-room.ts';

/** What the file system's word means to whoever has to mend it. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'This user may not use it: give it the folder (chown -R), or run as its owner',
  EDQUOT: 'The quota of this user is used up: free some of it, then start again',
  EIO: 'The disk itself failed. Look at the kernel log and replace it; the others hold the data',
  EMFILE: 'The process may open no more files: raise its limit (ulimit -n)',
  ENFILE: 'The machine has too many files open: close some, then start again',
  ENOENT:
    'The folder, or a file in it, is gone: was it removed while the node ran? Put it back, or join anew',
  ENOSPC: 'The disk is full: free space, then start again',
  ENOTDIR: 'A part of the path is a file, not a folder: name another folder',
  EPERM:
    'The system does not allow it: look at the owner, attributes (lsattr) and security policy of the folder',
  EROFS:
    'The file system is read-only: mount it for writing (after an error it may have to be checked first)',
  ETIMEDOUT: 'The disk does not answer. Look at the kernel log; the others hold the data',
  ESTALE: 'The file system was taken away, as network ones are: mount it again, then start again',
};

const ADVICE_OTHERWISE = 'Check the disk (space, permissions, health), then start again';

/** What the file system said, as an error people can act on. */
export function diskFailed(folder: string, cause: unknown): SwarmError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const advice = (code === undefined ? undefined : ADVICE[code]) ?? ADVICE_OTHERWISE;
  const cited = code === undefined ? {} : { errno: code };
  return new SwarmError(
    isNoRoom(cause) ? 'DISK_FULL' : 'DISK_FAILED',
    `the data in ${folder} cannot be used: ${reason}. ${advice}`,
    {
      folder,
      ...cited,
    },
  );
}

/** The reserve is touched. */
export function diskShort(folder: string): SwarmError {
  return new SwarmError(
    'DISK_FULL',
    `the disk of ${folder} is nearly full: nothing new is taken until there is room. Free some; nothing has to be started again`,
    { folder, retryAfterMs: BUSY_RETRY_AFTER_MS },
  );
}
