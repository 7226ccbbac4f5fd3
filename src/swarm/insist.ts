import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';

const FIRST_PAUSE_MS: Millis = 100;
const LAST_PAUSE_MS: Millis = 2_000;

/**
 * What no waiting changes. All else passes: an election ends, another change of members comes to its end, a disk gets
 * room, a member of an older release is replaced.
 */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  // This side is told to be what it cannot be, and a person has to correct it.
  'BAD_INPUT',
  'UNAUTHORIZED',
  'REVOKED',
  'WRONG_CLUSTER',
  'WRONG_PROTOCOL',
  'UNKNOWN_NODE',
  'DATA_DAMAGED',
  'DATA_FOREIGN',
  'DATA_LOCKED',
  'DISK_FAILED',
  // The swarm has as many members as there may be.
  'LIMIT_EXCEEDED',
  'NO_VOTERS_LEFT',
]);

/** True for what may be otherwise in a moment: it is worth asking again. */
export function canPass(error: unknown): boolean {
  if (error instanceof SwarmError) return !LASTING.has(error.code);
  // A file that could not be written for lack of room, or of handles.
  return error instanceof Error && 'syscall' in error;
}

interface Limits {
  /** Default: for as long as it takes. */
  readonly patienceMs?: Millis;
  /** Nobody wants it any more. */
  readonly signal?: AbortSignal;
  /** Why it is not done yet; each reason once in a row. */
  onRefused?(error: unknown): void;
}

/**
 * Does `work` again until it is done. It must change nothing when all is done already.
 *
 * @throws what `work` says last, when that cannot pass or time is over; AbortError when told to stop.
 */
export async function insist<T>(work: () => Promise<T>, limits: Limits = {}): Promise<T> {
  const { patienceMs = Number.POSITIVE_INFINITY, signal, onRefused } = limits;
  const deadline = performance.now() + patienceMs;
  let told: string | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!canPass(error) || performance.now() + pause > deadline) throw error;
      const reason = error instanceof SwarmError ? error.code : String(error);
      if (reason !== told) onRefused?.(error);
      told = reason;
    }
    await delay(pause, undefined, { ...(signal === undefined ? {} : { signal }) });
  }
}
