import type { BlobName } from './blob-name.ts';
import type { HookRecord, TaskSpec } from './command.ts';
import { type Usage, usdOf } from './usage.ts';

/**
 * The right of one holder to work on one task. At most one is valid per task; whoever presents
 * another fence is told to stop.
 */
export interface Lease {
  /** Log index of the grant. */
  readonly fence: number;
  /** Instance or claimant. */
  readonly holder: string;
  /** Log index of the latest sign of life; equals `fence` until the first. An expiry that has seen an older one is refused. */
  readonly renewedAt: number;
  /** How long the coordinator waits for a renewal, on its own clock. */
  readonly durationMs: number;
}

export type TaskState = TaskPhase['state'];

/**
 * Where a task is in its life, with what only this phase has.
 *
 * - `queued`: waits for its dependencies, for `notBefore`, or for a free instance.
 * - `blocked`: a dependency failed, was cancelled, or is blocked itself.
 * - `parked`: waits for a person or for CI.
 */
export type TaskPhase =
  | { readonly state: 'queued' /** Wall clock in ms; 0: at once. */; readonly notBefore: number }
  | { readonly state: 'assigned'; readonly lease: Lease }
  | { readonly state: 'running'; readonly lease: Lease; readonly startedAt: number }
  | {
      readonly state: 'completed' | 'failed' | 'cancelled';
      readonly endedAt: number;
      readonly finishedIndex: number;
    }
  | { readonly state: 'blocked'; readonly by: string }
  | { readonly state: 'parked'; readonly cause: 'gate' | 'losses' | 'asked' | 'budget' };

/** How the latest lease on a task ended, kept also so that a worker's retry gets its answer again. */
export interface Attempt {
  readonly fence: number;
  /** Instance or claimant. */
  readonly agent: string;
  readonly outcome: 'completed' | 'failed' | 'released' | 'lost' | 'cancelled' | 'over-budget';
  readonly startedAt: number | undefined;
  readonly endedAt: number;
  readonly exitCode: number | undefined;
  readonly output: string;
  readonly hooks: readonly HookRecord[];
  /** Names the outcome for programs. */
  readonly code?: string;
}

/** How far the attempt under `fence` has got, as it said last. */
interface Progress {
  readonly fence: number;
  /** 0: it has said only what it has used up. */
  readonly turn: number;
  /** All that this attempt has used up. */
  readonly usage: Usage;
}

/** From where the work can be gone on with: in the log, or beside it. */
export interface SavedState {
  readonly turn: number;
  readonly state?: Uint8Array;
  readonly blob?: BlobName;
}

interface Note {
  readonly at: number;
  readonly index: number;
  readonly agent: string;
  readonly text: string;
}

/** One task. Replaced whole on every change, never changed in place. */
export interface TaskRecord {
  readonly id: string;
  readonly spec: TaskSpec;
  readonly phase: TaskPhase;
  /** Place in the order of submission over all tasks. */
  readonly order: number;
  readonly submittedIndex: number;
  readonly submittedAt: number;
  /** Leases granted so far. */
  readonly attempts: number;
  /** Failed attempts since the last `retry`: these use up the attempts a task has. */
  readonly failures: number;
  /** Leases whose worker vanished since the last `retry`. */
  readonly losses: number;
  readonly approved: boolean;
  /** Why it is in this phase, for people; empty when there is nothing to say. */
  readonly reason: string;
  /** Oldest first, from all attempts, at most `MAX_NOTES`. */
  readonly notes: readonly Note[];
  /** The latest attempt that has ended. */
  readonly last: Attempt | undefined;
  // Never there, not even as undefined, before the log speaks of usage: members of older releases fold what there is.
  /** Of all attempts. */
  readonly usage?: Usage;
  /** What had been used up at the last `retry`. */
  readonly usageBefore?: Usage;
  /** Of the latest attempt that said something. */
  readonly progress?: Progress;
  /** Until the task is finished. */
  readonly saved?: SavedState;
}

/** A task as `--json` prints it. `null`: not (yet) known. */
export interface TaskJson {
  readonly id: string;
  readonly title: string;
  readonly state: TaskState;
  readonly agent: string | null;
  readonly attempts: number;
  readonly failures: number;
  readonly losses: number;
  readonly fence: number | null;
  readonly exitCode: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly output: string;
  readonly reason: string;
  readonly notBefore: number | null;
  readonly priority: TaskSpec['priority'];
  readonly requires: readonly string[];
  readonly dependsOn: readonly string[];
  readonly hooks: readonly HookRecord[];
  readonly notes: readonly Note[];
  readonly submittedIndex: number;
  readonly finishedIndex: number | null;
  /** Names the end of the latest attempt for programs. */
  readonly code: string | null;
  /** Of all attempts. */
  readonly usage: Usage | null;
  /** Completed turns of the latest attempt that said so. */
  readonly turn: number | null;
}

/** One task with the work it asks for: what whoever claims it needs to know. */
export interface TaskDetail extends TaskJson {
  /** Work for a model. */
  readonly prompt: string | null;
  /** Work for a shell. */
  readonly run: string | null;
  /** How long one attempt may take; null: as long as whoever works on it allows. */
  readonly timeoutMs: number | null;
  readonly model: string | null;
  readonly maxTurns: number | null;
  /** Budget of all attempts; null: only the swarm's counts. */
  readonly maxTokens: number | null;
  readonly maxCostUsd: number | null;
}

/** The lease under which somebody works on the task now. */
export function leaseOf(record: TaskRecord): Lease | undefined {
  const { phase } = record;
  return phase.state === 'assigned' || phase.state === 'running' ? phase.lease : undefined;
}

/**
 * The ability to do what a `prompt` says. Whoever claims from outside has it; an instance does, if it registers
 * with it.
 */
export const PROMPT_WORK = 'prompt-work';

/** Every capability that a worker must have. */
export function needsOf({ prompt, requires, run }: TaskSpec): readonly string[] {
  return prompt !== undefined && run === undefined ? [...requires, PROMPT_WORK] : requires;
}

/** One number a state. */
export type StateCounts = Readonly<Record<TaskState, number>>;

export function noTasks(): Record<TaskState, number> {
  return {
    queued: 0,
    assigned: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    blocked: 0,
    parked: 0,
  };
}

/** True when the task stays as it is unless somebody steps in or a dependency comes back. */
export function isSettled(state: TaskState): boolean {
  return isFinished(state) || state === 'blocked' || state === 'parked';
}

/** True when nothing but a person's `retry` can move the task again. */
export function isFinished(state: TaskState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/**
 * The record flattened for scripts. While a lease is held, agent, fence and start are the current
 * attempt's; otherwise they are the latest one's.
 */
export function toJson(record: TaskRecord): TaskJson {
  const { spec, phase } = record;
  const lease = leaseOf(record);
  const last = lease === undefined ? record.last : undefined;
  const startedAt = phase.state === 'running' ? phase.startedAt : last?.startedAt;
  return {
    id: record.id,
    title: spec.title,
    state: phase.state,
    agent: lease?.holder ?? last?.agent ?? null,
    attempts: record.attempts,
    failures: record.failures,
    losses: record.losses,
    fence: lease?.fence ?? last?.fence ?? null,
    exitCode: last?.exitCode ?? null,
    startedAt: startedAt ?? null,
    endedAt: 'endedAt' in phase ? phase.endedAt : (last?.endedAt ?? null),
    output: last?.output ?? '',
    reason: record.reason,
    notBefore: phase.state === 'queued' && phase.notBefore > 0 ? phase.notBefore : null,
    priority: spec.priority,
    requires: spec.requires,
    dependsOn: spec.dependsOn,
    hooks: last?.hooks ?? [],
    notes: record.notes,
    submittedIndex: record.submittedIndex,
    finishedIndex: 'finishedIndex' in phase ? phase.finishedIndex : null,
    ...meterOf(record),
    code: last?.code ?? null,
  };
}

function meterOf({ usage, progress }: TaskRecord): Pick<TaskJson, 'usage' | 'turn'> {
  return { usage: usage ?? null, turn: progress?.turn ?? null };
}

/** The flattened record with its work, which may be long: for those who ask for one task. */
export function toDetail(record: TaskRecord): TaskDetail {
  const { prompt, run, timeoutMs, model, maxTurns, maxTokens, maxCostMicros } = record.spec;
  return {
    ...toJson(record),
    prompt: prompt ?? null,
    run: run ?? null,
    timeoutMs: timeoutMs ?? null,
    model: model ?? null,
    maxTurns: maxTurns ?? null,
    maxTokens: maxTokens ?? null,
    maxCostUsd: maxCostMicros === undefined ? null : usdOf(maxCostMicros),
  };
}
