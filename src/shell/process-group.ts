import { setTimeout as delay } from 'node:timers/promises';
import type { Millis } from '../protocol/ids.ts';

/** Between two looks at a group that is ending. */
const LOOK_MS = 5;

/** Sends a signal to all processes of the group that `pid` leads. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  reach(pid, signal);
}

/** Ends all processes of the group that `pid` leads; they have `graceMs` to clean up. */
export async function endGroup(pid: number, graceMs: Millis): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  await groupEnd(pid, graceMs);
  signalGroup(pid, 'SIGKILL');
}

/** Resolves when nobody of the group that `pid` leads is left, and after `withinMs` at the latest. */
export async function groupEnd(pid: number, withinMs: Millis): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (reach(pid, 0) && performance.now() < deadline) await delay(LOOK_MS);
}

/** False when there is nobody in the group whom a signal of ours could reach. */
function reach(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // EPERM: those who are left became another user (`sudo`), and are out of our hands.
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
