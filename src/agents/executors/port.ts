import type { Millis } from '../../protocol/ids.ts';
import type { ReserveCommand, TaskSpec } from '../../tasks/command.ts';
import type { StateCounts, TaskDetail, TaskRecord } from '../../tasks/task.ts';
import type { Usage, UsageLimits } from '../../tasks/usage.ts';
import type { AgentDefinition } from '../definition.ts';

/** Where the work on a task can be gone on with. */
export interface SavedTurn {
  /** Completed turns, those of the attempts before included where the executor counts them on. From 1. */
  readonly turn: number;
  /** What this attempt has used up so far. What was saved comes back with the usage of all attempts before this one. */
  readonly usage: Usage;
  /** Whatever the executor makes of it; it may be read by another release of it. At most `MAX_BLOB_BYTES`. */
  readonly state: Uint8Array;
}

/** Keeps the state of the work with the task, so that whoever has it next goes on instead of beginning anew. */
export interface Checkpoint {
  /** What an earlier attempt has left; undefined: begin at the beginning. */
  load(): Promise<SavedTurn | undefined>;
  /**
   * Resolves when the turn is safe, or is not worth keeping: no quorum for a while, or members of an older release,
   * cost a checkpoint and not the work.
   *
   * @throws SwarmError STALE_FENCE when the lease is lost; BUDGET_EXHAUSTED when the task's budget is used up with this
   *   turn, and the task parked. Either way the work ends here.
   */
  save(turn: SavedTurn): Promise<void>;
}

/** A task as somebody at work submits it. */
export type TaskDraft = Pick<TaskSpec, 'id'> & Partial<Omit<TaskSpec, 'id' | 'env'>>;

/** How the swarm stands. */
export interface SwarmGlance {
  readonly coordinator: string | null;
  readonly term: number;
  /** Why no new work begins, if it does not. */
  readonly paused: string | null;
  readonly counts: StateCounts;
  readonly instances: readonly {
    readonly id: string;
    readonly agent: string;
    readonly capabilities: readonly string[];
    readonly busy: number;
  }[];
  readonly reservations: readonly {
    readonly id: string;
    readonly holder: string;
    readonly paths: readonly string[];
    readonly mode: ReserveCommand['mode'];
  }[];
  readonly usage: Usage;
}

/**
 * What whoever works on a task may do in the swarm meanwhile, under its lease.
 *
 * All throw SwarmError: with the code of the refusal, or NO_QUORUM, OUTCOME_UNKNOWN when nobody could be asked.
 */
export interface SwarmTools {
  status(): Promise<SwarmGlance>;
  /** Returns the ids. `key`: the same twice is one submission, so that a turn which is done again submits nothing twice. */
  submit(tasks: readonly TaskDraft[], key?: string): Promise<readonly string[]>;
  note(text: string): Promise<void>;
  /** All paths or none, until `release` or the end of the lease. Returns the reservation's id. */
  reserve(paths: readonly string[], mode: ReserveCommand['mode']): Promise<string>;
  release(reservationId: string): Promise<void>;
  task(id: string): Promise<TaskDetail | undefined>;
}

/** The work of one attempt. */
export interface Execution {
  readonly taskId: string;
  readonly title: string;
  readonly run: string | undefined;
  readonly prompt: string | undefined;
  readonly agent: AgentDefinition;
  readonly instanceId: string;
  readonly fence: number;
  /** From 1. */
  readonly attempt: number;
  /** Of earlier attempts too, the oldest first. */
  readonly notes: TaskRecord['notes'];
  /** Who coordinates the swarm as this begins. */
  readonly coordinator: string | undefined;
  /** What the task asks for, else the instance; undefined: what the definition says. */
  readonly model: string | undefined;
  readonly maxTurns: number | undefined;
  /** Of the task, with what its earlier attempts have used up of it. */
  readonly budget: UsageLimits & { readonly spent: Usage };
  /** Of all tasks of the swarm. The coordinator holds it, as long as whoever works is able to count. */
  readonly swarmBudget: UsageLimits;
  readonly checkpoint: Checkpoint;
  readonly swarm: SwarmTools;
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: Millis;
  /** Aborted when the task was cancelled or the lease lost: the work must end at once. */
  readonly signal: AbortSignal;
  /** Shown to those who watch, gathered for a moment: a token at a time is fine. */
  onOutput?(text: string): void;
}

export interface ExecutionResult {
  readonly outcome: 'completed' | 'failed' | 'timed-out' | 'cancelled';
  readonly exitCode: number | undefined;
  /** In words, unless it completed. */
  readonly reason: string | undefined;
  readonly output: string;
  readonly durationMs: Millis;
  /** What this attempt has used up. */
  readonly usage?: Usage;
  /** Names the outcome for programs: `RATE_LIMITED`, `OVERLOADED`, `REFUSED`, `MAX_TURNS`, `BUDGET`. */
  readonly code?: string;
  /** What becomes of the task unless it completed; default: another attempt, as long as there are some left. */
  readonly next?: 'retry' | 'final' | 'park';
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
  /**
   * Why it cannot work with this environment, for people and naming what is missing; undefined when it can. Asked
   * before anything starts.
   */
  preflight?(environment: Readonly<Record<string, string | undefined>>): Promise<string | undefined>;
  /** Why this task cannot be done here, for people, so that it is refused before it is queued; undefined when it can. */
  refuse(task: Work): string | undefined;
  execute(execution: Execution): Promise<ExecutionResult>;
}
