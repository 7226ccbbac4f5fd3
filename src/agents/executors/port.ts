import type { Millis } from '../../protocol/ids.ts';

/** The work of one attempt. */
export interface Execution {
  readonly taskId: string;
  readonly run: string | undefined;
  readonly prompt: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: Millis;
  /** Aborted when the task was cancelled or the lease lost: the work must end at once. */
  readonly signal: AbortSignal;
  onOutput?(text: string): void;
}

export interface ExecutionResult {
  readonly outcome: 'completed' | 'failed' | 'timed-out' | 'cancelled';
  readonly exitCode: number | undefined;
  /** In words, unless it completed. */
  readonly reason: string | undefined;
  readonly output: string;
  readonly durationMs: Millis;
}

/** As much of a task as tells who can do it. */
interface Work {
  readonly id: string;
  readonly run?: string | undefined;
  readonly prompt?: string | undefined;
}

/** Something that does the work of tasks. */
export interface Executor {
  readonly name: string;
  /** Why this task cannot be done here, for people, so that it is refused before it is queued; undefined when it can. */
  refuse(task: Work): string | undefined;
  execute(execution: Execution): Promise<ExecutionResult>;
}
