import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { MAX_PROGRESS_CHARS } from '../protocol/limits.ts';
import type { TaskFence } from '../tasks/command.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { USAGE_LEVEL } from '../tasks/member.ts';
import type { CommandSession } from './session.ts';

export interface ProgressFeedOptions {
  readonly machine: TaskMachine;
  readonly session: Pick<CommandSession, 'execute'>;
  /** How often the log hears of it, at most; default a second. */
  readonly intervalMs?: Millis;
}

export interface WorkEnd {
  /** Aborted: nobody wants to hear of it any more. */
  readonly signal: AbortSignal;
  /** What the record will say. */
  readonly output: string;
}

const DEFAULT_INTERVAL_MS = 1_000;
const PATIENCE_MS = 5_000;
/** The end of the work must not wait long for what only watchers want to know. */
const LAST_WORDS_PATIENCE_MS = 1_000;

/**
 * Tells those who watch what an executor says: whole lines where there are some, gathered for a moment, and of a
 * flood the latest. Nobody waits for it, and nothing depends on it.
 */
export class ProgressFeed {
  readonly #options: ProgressFeedOptions;
  readonly #task: TaskFence;
  #text = '';
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(options: ProgressFeedOptions, task: TaskFence) {
    this.#options = options;
    this.#task = task;
  }

  add(text: string): void {
    if (this.#closed || text === '') return;
    this.#text = latest(this.#text + text);
    this.#schedule();
  }

  /** Tells the rest, where nothing else does: of work that takes less than a moment nobody would have heard. */
  async close({ signal, output }: WorkEnd): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (signal.aborted) return;
    await this.#sending;
    const rest = this.#text;
    this.#text = '';
    if (!output.includes(rest.trim())) await this.#send(rest, LAST_WORDS_PATIENCE_MS);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#sending !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#flush();
    }, this.#options.intervalMs ?? DEFAULT_INTERVAL_MS);
  }

  async #flush(): Promise<void> {
    this.#sending = this.#send(this.#take(), PATIENCE_MS);
    await this.#sending;
    this.#sending = undefined;
    if (this.#text !== '') this.#schedule();
  }

  async #send(text: string, timeoutMs: Millis): Promise<void> {
    const { machine, session } = this.#options;
    if (machine.level < USAGE_LEVEL || text === '') return;
    try {
      await session.execute({ kind: 'progress', ...this.#task, text }, { timeoutMs });
    } catch (error) {
      // The lease is lost, or nobody can be told: whoever works learns of either in another way.
      if (!(error instanceof SwarmError)) throw error;
    }
  }

  /** Up to the last end of a line; a line that takes its time comes in parts. */
  #take(): string {
    const end = this.#text.lastIndexOf('\n') + 1;
    const cut = end === 0 ? this.#text.length : end;
    const text = this.#text.slice(0, cut);
    this.#text = this.#text.slice(cut);
    return text;
  }
}

/** The end of a text. Never half a character: that could not be stored as UTF-8. */
function latest(text: string): string {
  if (text.length <= MAX_PROGRESS_CHARS) return text;
  const first = text.charCodeAt(text.length - MAX_PROGRESS_CHARS);
  const isSecondHalf = first >= 0xdc00 && first <= 0xdfff;
  return text.slice(isSecondHalf ? 1 - MAX_PROGRESS_CHARS : -MAX_PROGRESS_CHARS);
}
