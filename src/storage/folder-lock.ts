import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';

interface Holder {
  readonly pid: number;
  /** When the process began, so that a recycled pid is not taken for the holder. */
  readonly begun: string;
}

/**
 * Takes a folder for this process alone. A lock whose process is gone is taken over.
 *
 * @returns the function that releases it.
 * @throws SwarmError DATA_LOCKED naming the pid that holds it.
 */
export function lockFolder(folder: string): () => void {
  const lock = join(folder, 'lock');
  const draft = join(folder, `lock.${process.pid}.draft`);
  const own: Holder = { pid: process.pid, begun: beginOf(process.pid) };
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    // A link is made whole or not at all: nobody sees a lock without its holder.
    if (!tryLink(draft, lock)) takeOver(folder, { draft, lock });
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

/** Pid of the live process that holds a folder; undefined when nobody does. */
export function holderOf(folder: string): number | undefined {
  const holder = readHolder(join(folder, 'lock'));
  return holder !== undefined && isHolding(holder) ? holder.pid : undefined;
}

/** One at a time decides that a lock is stale: two would each remove the other's. */
function takeOver(folder: string, { draft, lock }: { readonly draft: string; readonly lock: string }): void {
  const guard = join(folder, 'lock.takeover');
  const holder = readHolder(lock);
  if (holder !== undefined && isHolding(holder)) throw locked(folder, holder.pid);
  try {
    mkdirSync(guard);
  } catch {
    throw new SwarmError(
      'DATA_LOCKED',
      `${folder} is being taken over by another process; if none is, remove ${guard}`,
    );
  }
  try {
    const again = readHolder(lock);
    if (again !== undefined && isHolding(again)) throw locked(folder, again.pid);
    rmSync(lock, { force: true });
    if (!tryLink(draft, lock)) throw locked(folder, readHolder(lock)?.pid ?? 0);
  } finally {
    rmdirSync(guard);
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(lock: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder;
  } catch (error) {
    if (
      error instanceof SyntaxError ||
      (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    ) {
      return undefined;
    }
    throw error;
  }
}

function isHolding({ pid, begun }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return beginOf(pid) === begun;
}

/** Start time of a process in clock ticks since boot, as proc(5) gives it; empty where there is no /proc. */
function beginOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in brackets, which may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function locked(folder: string, pid: number): SwarmError {
  return new SwarmError(
    'DATA_LOCKED',
    `${folder} is in use by process ${pid}; stop it first, or use another folder`,
    { pid },
  );
}
