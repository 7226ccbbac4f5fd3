import { DEFAULT_ATTEMPTS, DEFAULT_LEASE_MS, MAX_LIVE_TASKS, MAX_REMEMBERED } from '../protocol/limits.ts';
import type { ResultValues, TaskResult } from './command.ts';
import { Memory } from './memory.ts';
import type { TaskRecord } from './task.ts';
import { TaskIndex } from './task-index.ts';
import type { Usage } from './usage.ts';

export type Settings = ResultValues['configure'];

/** A process that takes assignments. */
export interface Instance {
  readonly id: string;
  readonly agent: string;
  readonly capabilities: readonly string[];
  readonly capacity: number;
  readonly life: string;
  readonly registeredIndex: number;
}

export interface Reservation {
  readonly id: string;
  readonly holder: string;
  readonly paths: readonly string[];
  readonly mode: 'exclusive' | 'shared';
  /** The task lease it was made under and ends with. */
  readonly task: { readonly taskId: string; readonly fence: number } | undefined;
  readonly fence: number;
  readonly renewedAt: number;
  readonly durationMs: number;
}

/** A node of the cluster, or one that is about to be. Who votes and who learns is not said here but in Raft's log. */
export interface Member {
  readonly id: string;
  readonly name: string;
  /** `ws://host:port`; undefined before the first `announce`. */
  readonly url: string | undefined;
}

/** A value that a sibling keeps; `at` is the wall clock of whoever wrote it. */
export interface StoredRecord {
  readonly namespace: string;
  readonly key: string;
  readonly value: string;
  /** Log index of the command that wrote it. */
  readonly version: number;
  readonly at: number;
}

/** One client's answers, so that a command sent twice is applied once. Changed in place: only `session` touches it. */
export interface Session {
  readonly id: string;
  /** Log index of its latest command. */
  lastIndex: number;
  /** Answers below are forgotten. */
  ack: number;
  readonly answers: Map<number, TaskResult>;
}

/**
 * Everything the machine knows: plain data in maps that are in log order, plus `index`, which is
 * derived from `tasks`.
 */
export interface MachineState {
  nextOrder: number;
  /** The reason given, while no new work may begin. */
  paused: string | undefined;
  settings: Settings;
  /** Of all tasks, those gone from history included; absent before the log speaks of usage. */
  usage?: Usage;
  /** Commands of later levels are none yet: some member does not understand them. */
  level: number;
  readonly members: Map<string, Member>;
  readonly tasks: Map<string, TaskRecord>;
  readonly instances: Map<string, Instance>;
  readonly reservations: Map<string, Reservation>;
  /** The one idle longest first. */
  readonly sessions: Map<string, Session>;
  /** Ids of sessions that were closed, oldest first: they must not come back as new ones. */
  readonly closedSessions: Memory<true>;
  /** Task ids by idempotency key, oldest first. */
  readonly submissions: Memory<readonly string[]>;
  /** Answers of claims by claimant and request, oldest first. */
  readonly claims: Memory<ResultValues['claim']>;
  /** By `namespace/key`, in the order in which they came to be. */
  readonly records: Map<string, StoredRecord>;
  /** Characters of all their values. */
  recordChars: number;
  readonly index: TaskIndex;
}

/** What a swarm understands before anybody has said more. */
const FIRST_LEVEL = 1;

export function emptyState(): MachineState {
  const tasks = new Map<string, TaskRecord>();
  return {
    nextOrder: 1,
    paused: undefined,
    settings: { maxActive: MAX_LIVE_TASKS, attempts: DEFAULT_ATTEMPTS, leaseMs: DEFAULT_LEASE_MS },
    level: FIRST_LEVEL,
    members: new Map(),
    tasks,
    instances: new Map(),
    reservations: new Map(),
    sessions: new Map(),
    closedSessions: new Memory(MAX_REMEMBERED),
    submissions: new Memory(MAX_REMEMBERED),
    claims: new Memory(MAX_REMEMBERED),
    records: new Map(),
    recordChars: 0,
    index: new TaskIndex(tasks),
  };
}
