import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { SwarmError } from '../protocol/errors.ts';

interface Holder {
  readonly pid: number;
  /** When the process began, so that a recycled pid is not taken for the holder. */
  readonly begun: string;
}

/** Locks are numbered; the one with the highest number counts. */
const LOCK_NAME = /^lock-(\d{1,15})$/;

/**
 * Takes a folder for this process alone. A lock whose process is gone is taken over.
 *
 * A taker creates the lock with the next number, which only one can. The highest is never removed, so whoever
 * acted on an old view of the folder sees a higher one than its own, and gives way. A lock that is given
 * back stays as an empty file.
 *
 * @returns the function that gives the folder back.
 * @throws SwarmError DATA_LOCKED naming the pid that holds it.
 */
export function lockFolder(folder: string): () => void {
  const draft = join(folder, `lock-draft-${process.pid}-${threadId}`);
  const own: Holder = { pid: process.pid, begun: beginOf(process.pid) ?? '' };
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (;;) {
      const highest = highestLock(folder);
      const holder = readHolder(folder, highest);
      if (holder !== undefined) throw locked(folder, holder.pid);
      const number = highest + 1;
      // A link is made whole or not at all: nobody sees a lock without its holder.
      if (!tryLink(draft, lockPath(folder, number))) continue;
      if (highestLock(folder) === number) {
        removeLocksBelow(folder, number);
        return () => giveBack(lockPath(folder, number));
      }
      rmSync(lockPath(folder, number), { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Pid of the live process that holds a folder; undefined when nobody does. */
export function holderOf(folder: string): number | undefined {
  return existsSync(folder) ? readHolder(folder, highestLock(folder))?.pid : undefined;
}

/** Pid of the process that held a folder last and died with it; undefined when nobody did. */
export function abandonedBy(folder: string): number | undefined {
  if (holdOf(folder) !== 'abandoned') return undefined;
  return lastHolder(folder, highestLock(folder))?.pid;
}

/** `abandoned`: its holder died with it; `given-back`: in order, or there never was one. */
export type Hold = 'held' | 'abandoned' | 'given-back';

/** Whether a folder is held, or how its last holder left it. */
export function holdOf(folder: string): Hold {
  if (holderOf(folder) !== undefined) return 'held';
  if (!existsSync(folder)) return 'given-back';
  const last = lockPath(folder, highestLock(folder));
  return existsSync(last) && statSync(last).size > 0 ? 'abandoned' : 'given-back';
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock-${number}`);
}

function lockNumbers(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = LOCK_NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

/** 0 when there is none. */
function highestLock(folder: string): number {
  return Math.max(0, ...lockNumbers(folder));
}

function removeLocksBelow(folder: string, number: number): void {
  for (const older of lockNumbers(folder)) {
    if (older < number) rmSync(lockPath(folder, older), { force: true });
  }
}

function giveBack(lock: string): void {
  // The folder may be gone already; there is nothing to give back then.
  if (existsSync(lock)) truncateSync(lock);
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Who holds lock `number`, if that process is alive. */
function readHolder(folder: string, number: number): Holder | undefined {
  const holder = lastHolder(folder, number);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

/** Who took lock `number`, and has not given it back. */
function lastHolder(folder: string, number: number): Holder | undefined {
  try {
    return (JSON.parse(readFileSync(lockPath(folder, number), 'utf8')) as Holder | null) ?? undefined;
  } catch (error) {
    // Given back, removed by a later holder, or emptied by a power cut.
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isAlive({ pid, begun }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (!hasCode(error, 'EPERM')) return false;
  }
  return beginOf(pid) === begun;
}

/**
 * Boot and start time of a process, as proc(5) gives them: two processes never share both and a pid. Empty where
 * there is no /proc; undefined for a process that is dead, though its parent has not looked yet.
 */
function beginOf(pid: number): string | undefined {
  const boot = readIfThere('/proc/sys/kernel/random/boot_id');
  if (boot === undefined) return '';
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is a name in brackets, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  return state === 'Z' || state === 'X' ? undefined : `${boot.trim()}/${fields[19]}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function locked(folder: string, pid: number): SwarmError {
  return new SwarmError(
    'DATA_LOCKED',
    `${folder} is in use by process ${pid}; stop it first, or use another folder`,
    { folder, pid },
  );
}
