import type { ErrorCode } from '../protocol/errors.ts';
import type { BlobName } from './blob-name.ts';
import type {
  AnnounceCommand,
  CheckpointCommand,
  EnrolCommand,
  RaiseLevelCommand,
  RecordCommand,
  RetireCommand,
} from './member-command.ts';
import type { Usage, UsageLimits } from './usage.ts';

/**
 * What may be written to the task log, and what the machine answers.
 *
 * Fields that may be missing are absent, never `undefined`: the codec has no such value.
 */

export type Priority = 'critical' | 'high' | 'medium' | 'normal' | 'low';

/** A task as it is submitted; defaults are filled in before it enters the log. */
export interface TaskSpec {
  readonly id: string;
  readonly title: string;
  /** Work for a model. */
  readonly prompt?: string;
  /** Work for a shell. */
  readonly run?: string;
  /** Every one of these must be a capability of the instance that works on it. */
  readonly requires: readonly string[];
  /** `medium` and `normal` are one rank. */
  readonly priority: Priority;
  /** Must be completed before this task is ready. */
  readonly dependsOn: readonly string[];
  /** For the executor; the machine has no timers. */
  readonly timeoutMs?: number;
  /** Extra attempts after a failure. Absent: the `attempts` setting decides. */
  readonly retries?: number;
  readonly env: Readonly<Record<string, string>>;
  /** Who or what must `approve` before the task may run: a person, CI. */
  readonly gate?: string;
  /** For the executor: an alias or a full id. Absent: the instance decides. */
  readonly model?: string;
  /** For the executor: exchanges with the model in one attempt. */
  readonly maxTurns?: number;
  /** Of all attempts since the last `retry` together; reached, the task is parked. */
  readonly maxTokens?: number;
  readonly maxCostMicros?: number;
}

/** What one hook did around one attempt. */
export interface HookRecord {
  readonly hook: 'pre' | 'post';
  /** `denied`: nobody on that machine allowed it, so it did not run. */
  readonly outcome: 'succeeded' | 'failed' | 'timed-out' | 'denied';
  readonly exitCode?: number;
  readonly durationMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a worker says at the end of an attempt. */
export interface AttemptResult {
  readonly exitCode?: number;
  /** Kept up to `MAX_OUTPUT_CHARS`. */
  readonly output: string;
  readonly hooks: readonly HookRecord[];
  /** All that the attempt has used up. */
  readonly usage?: Usage;
}

/** Names one lease on one task. The fence is the log index of its assignment. */
export interface TaskFence {
  readonly taskId: string;
  readonly fence: number;
}

interface ReservationFence {
  readonly reservationId: string;
  readonly fence: number;
}

/** All or nothing. The same `key` again gives the first submission's tasks back, whatever it carries. */
export interface SubmitCommand {
  readonly kind: 'submit';
  readonly key: string;
  readonly tasks: readonly TaskSpec[];
}

/** Proposed by the coordinator. An item that is no longer possible is skipped, not an error. */
export interface AssignCommand {
  readonly kind: 'assign';
  readonly assignments: readonly { readonly taskId: string; readonly instanceId: string }[];
}

/** An outside agent takes a task, which runs at once. Without `taskId`: the best ready one it is able to do. */
export interface ClaimCommand {
  readonly kind: 'claim';
  /** The same claimant with the same `requestId` gets the same answer. */
  readonly requestId: string;
  readonly claimant: { readonly id: string; readonly capabilities: readonly string[] };
  readonly taskId?: string;
  readonly leaseMs?: number;
}

export interface StartCommand extends TaskFence {
  readonly kind: 'start';
}

/** One process keeps all that it holds, in one command. Stale items are named in the answer. */
export interface RenewCommand {
  readonly kind: 'renew';
  readonly tasks: readonly TaskFence[];
  readonly reservations: readonly ReservationFence[];
}

export interface NoteCommand extends TaskFence {
  readonly kind: 'note';
  readonly text: string;
}

/**
 * The attempt has got so far, and can be gone on with from here, by whoever has the task next. A sign of life too. A
 * turn not above the last one of this attempt is answered again and changes nothing.
 */
export interface SaveTurnCommand extends TaskFence {
  readonly kind: 'save-turn';
  /** From 1, of this attempt. */
  readonly turn: number;
  /** All that this attempt has used up so far. */
  readonly usage: Usage;
  /** What the executor needs to go on; at most `MAX_TURN_STATE_BYTES`. Absent, with `blob` too: what was kept stays. */
  readonly state?: Uint8Array;
  /** The same where it is larger; stored on a majority of the voters before this is proposed. */
  readonly blob?: BlobName;
}

/** What the executor says while it works, for those who watch: nothing of it is kept. A sign of life too. */
export interface ProgressCommand extends TaskFence {
  readonly kind: 'progress';
  readonly text: string;
}

export interface CompleteCommand extends TaskFence, AttemptResult {
  readonly kind: 'complete';
}

export interface FailCommand extends TaskFence, AttemptResult {
  readonly kind: 'fail';
  readonly reason: string;
  /**
   * - `retry`: again, as long as attempts are left.
   * - `final`: another attempt cannot help.
   * - `park`: a person must look first (a budget is used up).
   */
  readonly next: 'retry' | 'final' | 'park';
  /** The outcome's name for programs, such as `RATE_LIMITED`. */
  readonly code?: string;
}

/** The worker hands the task back unfinished. Not a failure. */
export interface ReleaseCommand extends TaskFence {
  readonly kind: 'release';
  readonly reason: string;
  readonly usage?: Usage;
}

export interface CancelCommand {
  readonly kind: 'cancel';
  readonly taskId: string;
  readonly reason: string;
}

/** A person asks for another round: counts of failures and losses start afresh. */
export interface RetryCommand {
  readonly kind: 'retry';
  readonly taskId: string;
}

/** Opens the gate of a task, also before its dependencies are done. */
export interface ApproveCommand {
  readonly kind: 'approve';
  readonly taskId: string;
  readonly by: string;
}

/** Proposed by the coordinator when a lease was not renewed in time. `renewedAt` is what it has seen. */
export interface ExpireCommand extends TaskFence {
  readonly kind: 'expire';
  readonly renewedAt: number;
}

export interface RegisterCommand {
  readonly kind: 'register';
  /** Stable across restarts. */
  readonly instanceId: string;
  /** Name of the agent definition. */
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** Tasks it is given at once; 0: it takes what it wants by itself. */
  readonly capacity: number;
  /** Unique per process start: what an earlier life held is given back at once. */
  readonly life: string;
}

export interface UnregisterCommand {
  readonly kind: 'unregister';
  readonly instanceId: string;
  readonly life: string;
  /** `stopped`: it hands back what it holds. `lost`: somebody saw it die, which counts as a loss. */
  readonly cause: 'stopped' | 'lost';
}

export interface PauseCommand {
  readonly kind: 'pause';
  readonly reason: string;
}

export interface ResumeCommand {
  readonly kind: 'resume';
}

/** What is absent stays as it is; a limit that is null is lifted. */
export interface ConfigureCommand extends UsageLimits {
  readonly kind: 'configure';
  /** Cap on assigned and running tasks together. */
  readonly maxActive?: number;
  /** Attempts of a task that names no `retries`. */
  readonly attempts?: number;
  /** Lease given to assignments, and to claims and reservations that ask for none. */
  readonly leaseMs?: number;
}

/** All paths or none. `merge` is not a path but the one right to merge. */
export interface ReserveCommand {
  readonly kind: 'reserve';
  /** Chosen by the holder; the same id with the same holder again is a retry. */
  readonly reservationId: string;
  readonly holder: string;
  /** Globs relative to the repository, or `merge`. */
  readonly paths: readonly string[];
  readonly mode: 'exclusive' | 'shared';
  /** Made under this lease: refused when it is stale, and released when it ends. */
  readonly task?: TaskFence;
  readonly leaseMs?: number;
}

export interface ReleaseReservationCommand extends ReservationFence {
  readonly kind: 'release-reservation';
}

export interface ExpireReservationCommand extends ReservationFence {
  readonly kind: 'expire-reservation';
  readonly renewedAt: number;
}

export interface SessionOpenCommand {
  readonly kind: 'session-open';
  readonly sessionId: string;
}

/** Proposed by the coordinator; refused when the session was used after `lastIndex`. */
export interface SessionExpireCommand {
  readonly kind: 'session-expire';
  readonly sessionId: string;
  readonly lastIndex: number;
}

export type TaskCommand =
  | SubmitCommand
  | AssignCommand
  | ClaimCommand
  | StartCommand
  | RenewCommand
  | NoteCommand
  | SaveTurnCommand
  | ProgressCommand
  | CompleteCommand
  | FailCommand
  | ReleaseCommand
  | CancelCommand
  | RetryCommand
  | ApproveCommand
  | ExpireCommand
  | RegisterCommand
  | UnregisterCommand
  | PauseCommand
  | ResumeCommand
  | ConfigureCommand
  | ReserveCommand
  | ReleaseReservationCommand
  | ExpireReservationCommand
  | SessionOpenCommand
  | SessionExpireCommand
  | EnrolCommand
  | AnnounceCommand
  | RetireCommand
  | RaiseLevelCommand
  | CheckpointCommand
  | RecordCommand;

/** Makes a retried command recognisable. Thesis §6.3 */
export interface SessionStamp {
  readonly id: string;
  /** From 1, one per command of the session. */
  readonly sequence: number;
  /** Lowest sequence whose answer the client still waits for; answers below are forgotten. */
  readonly ack: number;
}

/** One command as it stands in the log. */
export interface Envelope {
  /** The proposer's wall clock in ms: the only time the machine knows. */
  readonly at: number;
  readonly session?: SessionStamp;
  readonly body: TaskCommand;
}

/** The answer to each kind of command when it succeeds. */
export interface ResultValues {
  readonly submit: { readonly taskIds: readonly string[]; readonly repeated: boolean };
  readonly assign: {
    readonly assigned: readonly TaskFence[];
    readonly skipped: readonly { readonly taskId: string; readonly why: string }[];
  };
  readonly claim: TaskFence & { readonly leaseMs: number };
  readonly start: TaskFence;
  readonly renew: {
    readonly renewed: readonly string[];
    readonly stale: readonly { readonly id: string; readonly why: string }[];
  };
  readonly note: TaskFence;
  /** `parked`: the task's budget is used up, and the lease has ended. */
  readonly 'save-turn': TaskFence & { readonly state: 'running' | 'parked' };
  readonly progress: TaskFence;
  readonly complete: TaskFence;
  /** `state`: what became of the task. */
  readonly fail: TaskFence & { readonly state: 'queued' | 'failed' | 'parked' };
  readonly release: TaskFence;
  readonly cancel: { readonly taskId: string };
  /** Every task that was queued again: a blocked one brings what stood in its way. */
  readonly retry: { readonly taskIds: readonly string[] };
  readonly approve: { readonly taskId: string };
  readonly expire: TaskFence;
  readonly register: { readonly instanceId: string; readonly returned: readonly string[] };
  readonly unregister: { readonly instanceId: string; readonly returned: readonly string[] };
  readonly pause: { readonly paused: true };
  readonly resume: { readonly paused: false };
  /** A limit that was lifted is 0. */
  readonly configure: Partial<Readonly<Record<'maxTokens' | 'maxCostMicros', number>>> &
    Readonly<Record<'maxActive' | 'attempts' | 'leaseMs', number>>;
  readonly reserve: ReservationFence & { readonly leaseMs: number };
  readonly 'release-reservation': ReservationFence;
  readonly 'expire-reservation': ReservationFence;
  readonly 'session-open': { readonly sessionId: string };
  readonly 'session-expire': { readonly sessionId: string };
  readonly enrol: { readonly memberId: string };
  readonly announce: { readonly memberId: string };
  readonly retire: { readonly memberId: string };
  readonly 'raise-level': { readonly level: number };
  readonly checkpoint: { readonly index: number };
  /** Of all that was written: the log index. */
  readonly record: { readonly version: number };
}

export interface Refusal {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The answer to one command. Of a retried command it is the first answer again. */
export type TaskResult<Kind extends TaskCommand['kind'] = TaskCommand['kind']> =
  | { readonly ok: true; readonly value: ResultValues[Kind] }
  | Refusal;
