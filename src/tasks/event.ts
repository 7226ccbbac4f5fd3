import type { TaskState } from './task.ts';

/** What a command changed, for those who watch: to start work, to stop it, to show it. */
export type TaskEvent =
  | {
      readonly type: 'task';
      readonly taskId: string;
      /** `undefined`: newly submitted. */
      readonly from: TaskState | undefined;
      readonly to: TaskState;
      /** Whose lease began or ended with this change; both absent when no lease was touched. */
      readonly agent: string | undefined;
      readonly fence: number | undefined;
      readonly reason: string;
    }
  | { readonly type: 'note'; readonly taskId: string; readonly agent: string; readonly text: string }
  /** An attempt has completed a turn, and its usage is counted. */
  | { readonly type: 'turn'; readonly taskId: string; readonly agent: string; readonly turn: number }
  /** What an executor says while it works; it may end amid a line. */
  | {
      readonly type: 'output';
      readonly taskId: string;
      readonly agent: string;
      readonly fence: number;
      readonly text: string;
    }
  /** The swarm's budget is used up, in these words; undefined: there is some again. */
  | { readonly type: 'budget'; readonly exhausted: string | undefined }
  /** Dropped from history. */
  | { readonly type: 'task-forgotten'; readonly taskId: string }
  | { readonly type: 'instance'; readonly instanceId: string; readonly change: 'registered' | 'gone' }
  | { readonly type: 'paused'; readonly reason: string }
  | { readonly type: 'resumed' }
  | { readonly type: 'configured' }
  | {
      readonly type: 'member';
      readonly memberId: string;
      readonly change: 'enrolled' | 'announced' | 'retired';
    }
  /** `version` undefined: it is gone. */
  | {
      readonly type: 'record';
      readonly namespace: string;
      readonly key: string;
      readonly version: number | undefined;
    }
  | { readonly type: 'level'; readonly level: number }
  | {
      readonly type: 'reservation';
      readonly reservationId: string;
      readonly change: 'granted' | 'released' | 'expired';
      readonly holder: string;
      readonly paths: readonly string[];
    };
