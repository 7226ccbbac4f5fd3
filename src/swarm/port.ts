import type { NodeStatus } from '../node/port.ts';
import type { ResultValues, TaskCommand } from '../tasks/command.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { StateCounts, TaskDetail, TaskJson } from '../tasks/task.ts';
import type { Usage } from '../tasks/usage.ts';
import type { Brief, BriefQuery } from './brief.ts';

/** What somebody may ask. All but `status` are linearizable: they see everything acknowledged before. */
export type Query =
  | { readonly kind: 'status' }
  | { readonly kind: 'overview' }
  | { readonly kind: 'tasks' }
  | { readonly kind: 'task'; readonly id: string }
  | { readonly kind: 'reservations' }
  | { readonly kind: 'members' }
  | BriefQuery
  | { readonly kind: 'checkpoint'; readonly index: number }
  | { readonly kind: 'records'; readonly namespace: string }
  | { readonly kind: 'log'; readonly from: number; readonly limit: number };

/** What the log says at one index, as far as all nodes agree on it. */
export interface Overview {
  readonly paused: string | null;
  readonly counts: StateCounts;
  readonly instances: readonly {
    readonly id: string;
    readonly agent: string;
    readonly capabilities: readonly string[];
    readonly busy: number;
  }[];
  /** Of all tasks there ever were. */
  readonly usage: Usage;
  readonly budget: {
    readonly maxTokens: number | null;
    readonly maxCostUsd: number | null;
    /** Which limit is reached, in words: no new work begins. */
    readonly exhausted: string | null;
  };
  /** What every member understands. */
  readonly level: number;
  readonly appliedIndex: number;
  readonly stateHash: string;
}

export interface ReservationJson {
  readonly id: string;
  readonly holder: string;
  readonly paths: readonly string[];
  readonly mode: 'exclusive' | 'shared';
  readonly fence: number;
}

/** Where a node is to be found, as it has said itself; null: it has not yet. */
export interface MemberJson {
  readonly id: string;
  readonly name: string;
  readonly url: string | null;
}

/** What a sibling keeps in the log: `version` is the log index of its last change, `at` the wall clock then. */
interface RecordJson {
  readonly key: string;
  readonly value: string;
  readonly version: number;
  readonly at: number;
}

/** One entry of the replicated log in readable form. `at` and `command` are null for no-ops. */
export interface LogLine {
  readonly index: number;
  readonly term: number;
  readonly kind: 'noop' | 'command' | 'config';
  readonly at: number | null;
  readonly command: unknown;
}

interface CheckpointJson {
  readonly stateHash: string;
  /** Of the last entries up to the checkpoint; null when the log does not reach back so far, absent in older releases. */
  readonly logHash?: string | null;
}

export interface Answers {
  readonly status: NodeStatus;
  readonly overview: Overview;
  readonly tasks: readonly TaskJson[];
  readonly task: TaskDetail | null;
  readonly reservations: readonly ReservationJson[];
  readonly members: readonly MemberJson[];
  /** Of one namespace, in the order in which they came to be. */
  readonly records: readonly RecordJson[];
  readonly brief: Brief;
  /** What the node has come to at a checkpoint; null when it has no note of that index. */
  readonly checkpoint: CheckpointJson | null;
  readonly log: { readonly lines: readonly LogLine[]; readonly commitIndex: number };
}

/** What watchers hear, in log order. */
export type Notice =
  | {
      readonly type: 'applied';
      readonly index: number;
      readonly events: readonly TaskEvent[];
      /** The records that the events speak of, as they are after them. */
      readonly tasks: readonly TaskJson[];
    }
  | { readonly type: 'role'; readonly status: NodeStatus }
  /** A snapshot took the place of the state: everything may have changed without a notice. */
  | { readonly type: 'restored'; readonly index: number };

export interface ExecuteOptions {
  /** How long to go on trying; default 10 s. */
  readonly timeoutMs?: number;
}

/** The replicated task log as the surfaces see it: nothing of Raft's inside. */
export interface Swarm {
  /**
   * Carries out one command exactly once, whatever happens on the way.
   *
   * @throws SwarmError with the machine's code when it is refused; NO_QUORUM or OUTCOME_UNKNOWN when it
   * could not be settled in time.
   */
  execute<C extends TaskCommand>(command: C, options?: ExecuteOptions): Promise<ResultValues[C['kind']]>;
  query<Q extends Query>(query: Q, options?: ExecuteOptions): Promise<Answers[Q['kind']]>;
  /** Asks what a sibling answers, by its kind of request. @throws SwarmError OUTCOME_UNKNOWN, and what the sibling says */
  ask(kind: number, body: Uint8Array, timeoutMs?: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
