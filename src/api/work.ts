import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { MAX_LINE_CHARS, MAX_OUTPUT_CHARS } from '../protocol/limits.ts';
import { clip } from '../tasks/clip.ts';
import type { FailCommand } from '../tasks/command.ts';
import type { TaskJson } from '../tasks/task.ts';
import type { Usage } from '../tasks/usage.ts';

/** One attempt at a task, as the function sees it that does the work. */
export interface Assignment {
  readonly taskId: string;
  readonly title: string;
  /** Work for a model; undefined when the task has a script only. */
  readonly prompt: string | undefined;
  /** Work for a shell; undefined when the task has a prompt only. */
  readonly run: string | undefined;
  /** Who works: an instance, or a client under its name. */
  readonly worker: string;
  /**
   * Number of this lease; a later one is larger. Hand it to whatever you change outside, so that a late attempt can
   * be refused there.
   */
  readonly fence: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** What earlier attempts have left behind, oldest first. */
  readonly notes: TaskJson['notes'];
  /**
   * Given when the work must end at once: the task was cancelled, its lease is lost, its time is up, or whoever works is
   * about to stop. Its reason is a `SwarmError` (`STALE_FENCE`, `TIMEOUT`, `STOPPED`). What is returned afterwards is not
   * recorded.
   */
  readonly signal: AbortSignal;
  /**
   * Leaves a note with the task, for people who look and for the next attempt; up to 4 KiB.
   *
   * @throws SwarmError STALE_FENCE when the lease is lost.
   */
  note(text: string): Promise<void>;
}

/**
 * How the work went. A text is the output of work that is done. `failed` says why it is not, in one line, and `next`
 * what is to become of the task: `retry` (default) as long as attempts are left, `final` when another attempt cannot
 * help, `park` when a person must look first. Output is kept up to 64 KiB; `usage` counts against the budgets of task and
 * swarm.
 */
export type WorkResult =
  | string
  | { readonly output: string; readonly usage?: Usage }
  | {
      readonly failed: string;
      readonly next?: FailCommand['next'];
      readonly output?: string;
      readonly usage?: Usage;
    };

/** Does the work of one task. What it throws is a failure that is tried again. */
export type Work = (assignment: Assignment) => WorkResult | Promise<WorkResult>;

/** How it ended. `abandoned`: there is nothing to record. */
export type WorkEnd =
  | { readonly kind: 'completed'; readonly output: string; readonly usage: Usage | undefined }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly next: FailCommand['next'];
      readonly output: string;
      readonly usage: Usage | undefined;
    }
  | { readonly kind: 'abandoned' };

export interface Bounds {
  /** Given with a `SwarmError` as its reason. */
  readonly signal: AbortSignal;
  /** null: none. */
  readonly timeoutMs: Millis | null;
}

/** Work that does not heed its signal is left to itself after so long: others wait for this process. */
const HEED_SIGNAL_MS = 5_000;

/** Does the work within its bounds. Never throws. */
export async function carryOut(
  work: Work,
  about: Omit<Assignment, 'signal'>,
  { signal, timeoutMs }: Bounds,
): Promise<WorkEnd> {
  const ended = new AbortController();
  const stop = new AbortController();
  const lose = (): void => stop.abort(signal.reason);
  const late = timeoutMs === null ? undefined : setTimeout(() => stop.abort(tooLong(timeoutMs)), timeoutMs);
  signal.addEventListener('abort', lose, { signal: ended.signal });
  if (signal.aborted) lose();
  try {
    const end = settle(work, { ...about, signal: stop.signal });
    const given = await Promise.race([end, unheeded(stop.signal, ended.signal)]);
    if (!stop.signal.aborted) return given;
    return signal.aborted ? { kind: 'abandoned' } : endOf({ failed: messageOf(stop.signal.reason) });
  } finally {
    clearTimeout(late);
    ended.abort();
  }
}

async function settle(work: Work, assignment: Assignment): Promise<WorkEnd> {
  try {
    return endOf(await work(assignment));
  } catch (error) {
    return endOf({ failed: messageOf(error) });
  }
}

function endOf(result: WorkResult): WorkEnd {
  if (typeof result === 'string') return endOf({ output: result });
  const { usage } = result;
  const output = clip(result.output ?? '', MAX_OUTPUT_CHARS);
  if (!('failed' in result)) return { kind: 'completed', output, usage };
  const { failed, next = 'retry' } = result;
  return { kind: 'failed', reason: clip(failed, MAX_LINE_CHARS), next, output, usage };
}

/** As commands and results carry it: absent, or there. */
export function usageOf({ usage }: { readonly usage: Usage | undefined }): { readonly usage?: Usage } {
  return usage === undefined ? {} : { usage };
}

/** Comes a while after `stop`, if the work has not ended by then. */
async function unheeded(stop: AbortSignal, ended: AbortSignal): Promise<WorkEnd> {
  await new Promise<void>((resolve) => {
    const wait = (): void => {
      const late = setTimeout(resolve, HEED_SIGNAL_MS);
      ended.addEventListener('abort', () => clearTimeout(late));
    };
    if (stop.aborted) wait();
    else stop.addEventListener('abort', wait, { signal: ended });
  });
  return { kind: 'abandoned' };
}

function tooLong(timeoutMs: Millis): SwarmError {
  return new SwarmError('TIMEOUT', `it took longer than the ${timeoutMs} ms that the task allows`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
