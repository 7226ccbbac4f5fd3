import type { Millis } from '../protocol/ids.ts';
import type { Census } from '../swarm/census.ts';
import type { Overview } from '../swarm/port.ts';
import type { FailCommand, ResultValues, TaskFence, TaskSpec } from '../tasks/command.ts';
import type { TaskDetail } from '../tasks/task.ts';
import type { Usage } from '../tasks/usage.ts';

/** A task to be submitted. It needs a `prompt` or a `run`; the id defaults to a new one. */
export type NewTask = Partial<TaskSpec>;

/** The right to work on one task, for as long as it is renewed. */
export interface Claim extends TaskFence {
  readonly leaseMs: Millis;
  readonly task: TaskDetail;
}

/** The right to write to some paths, kept until it is released or the client is closed. */
export interface Reservation {
  readonly reservationId: string;
  readonly fence: number;
  readonly paths: readonly string[];
  /** Given when it is lost all the same; its reason is a `SwarmError` STALE_FENCE. */
  readonly lost: AbortSignal;
}

/**
 * What became of a claimed task. `failed` with `state: 'queued'`: it will be tried again. `lost`: it was cancelled, or
 * somebody else has it by now, and nothing was recorded.
 */
export type WorkOutcome =
  | { readonly outcome: 'completed'; readonly output: string }
  | {
      readonly outcome: 'failed';
      readonly reason: string;
      readonly state: ResultValues['fail']['state'];
    }
  | { readonly outcome: 'lost'; readonly reason: string };

/** Who is there and who leads; and what the log says, unless there is no quorum to ask. */
export interface SwarmStatus extends Census {
  readonly overview: Overview | null;
}

export interface ClientOptions {
  /** State folder; default: `RAFT_MANAGER_DIR`, or `.raft-manager` of the current folder's project. */
  readonly dir?: string;
  /**
   * Under which tasks are claimed and paths reserved. 1 to 64 letters, digits, dots, underscores, dashes. Default: one
   * of this process.
   */
  readonly name?: string;
  /** What it is able to do: tasks that require anything else are not given to it. Default: nothing in particular. */
  readonly capabilities?: readonly string[];
}

/** What came of a claimed task, besides that it was done or failed. */
export interface Ending {
  /** Kept up to 64 KiB. */
  readonly output?: string;
  readonly exitCode?: number;
  /** What the work has used up: it counts against the budgets of task and swarm. */
  readonly usage?: Usage;
}

export interface Failure extends Ending {
  /** What is to become of the task: `retry` (default) as long as attempts are left. */
  readonly next?: FailCommand['next'];
}

export interface ReserveOptions {
  /** Default: `exclusive`. */
  readonly mode?: 'exclusive' | 'shared';
  /** Made for this task: it ends with the claim, and two tasks of one client stand in each other's way. */
  readonly task?: TaskFence;
  readonly leaseMs?: Millis;
}
