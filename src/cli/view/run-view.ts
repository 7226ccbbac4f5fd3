import type { TaskState } from '../../tasks/task.ts';
import type { Usage } from '../../tasks/usage.ts';

/** A line that a hook or a task has printed. */
export interface OutputLine {
  readonly taskId: string;
  readonly source: 'pre' | 'run' | 'post';
  readonly text: string;
}

/** What the live view of a run shows at one moment. */
export interface RunView {
  readonly swarm: string;
  /** `undefined` while nobody is elected. */
  readonly coordinator: string | undefined;
  readonly term: number;
  readonly elections: number;
  readonly nodes: readonly {
    readonly id: string;
    readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'down';
    /** Entries behind the newest commit. */
    readonly lag: number;
  }[];
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly usage: Usage;
  readonly running: readonly {
    readonly taskId: string;
    readonly title: string;
    readonly agent: string;
    readonly elapsedMs: number;
  }[];
  /** The newest last. */
  readonly output: readonly OutputLine[];
  readonly elapsedMs: number;
  /** `stopping`: asked to stop, running tasks are brought to an end. */
  readonly phase: 'working' | 'stopping';
}

/** What happened in a run, for those who follow it line by line. */
export type RunEvent =
  | { readonly type: 'elected'; readonly coordinator: string; readonly term: number }
  | {
      /** `finished`: completed. */
      readonly type: 'assigned' | 'running' | 'finished' | 'cancelled';
      readonly taskId: string;
      readonly title: string;
      readonly agent: string;
      /** Of the attempt, where it is known. */
      readonly elapsedMs: number | undefined;
    }
  | {
      /** `retry`: it failed and waits for its next attempt; `returned`: its worker gave it back or vanished. */
      readonly type: 'failed' | 'retry' | 'returned' | 'blocked' | 'parked';
      readonly taskId: string;
      readonly title: string;
      readonly agent: string;
      readonly reason: string;
    }
  | ({ readonly type: 'output' } & OutputLine)
  | { readonly type: 'node'; readonly id: string; readonly change: 'registered' | 'gone' }
  | { readonly type: 'paused'; readonly reason: string }
  /** No new work begins, or it does again. */
  | { readonly type: 'budget'; readonly exhausted: string | undefined }
  | { readonly type: 'resumed' }
  | { readonly type: 'stopping' };
