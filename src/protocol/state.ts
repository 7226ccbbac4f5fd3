import type { Entry } from './entry.ts';
import type { LogIndex, NodeId, Term } from './ids.ts';

/** A place in the log: an index and the term of the entry there; (0, 0) is before the first. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** True when a log that ends at `left` is less up to date than one that ends at `right`. §5.4.1 */
export function isBefore(left: LogPosition, right: LogPosition): boolean {
  return left.term < right.term || (left.term === right.term && left.index < right.index);
}

/** What must be on disk before a vote or an answer leaves the node. Figure 2, "Persistent state". */
export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
}

/**
 * One write of the Raft core. Parts that are absent do not change.
 *
 * Order within a write: begin anew at `restartAt`, cut the log from `truncateFrom` on, append `entries`,
 * replace the hard state; after a crash either a prefix of the writes is there, or all of them.
 */
export interface LogWrite {
  /** Counts up by one per write of a node's life; `onDurable` answers with it. */
  readonly sequence: number;
  readonly hardState: HardState | undefined;
  /**
   * The log begins anew behind this place, which a snapshot that is durable already covers: every entry is
   * forgotten. Comes without `truncateFrom`. §7
   */
  readonly restartAt: LogPosition | undefined;
  /** First index that is no longer part of the log. Entries at and above it are forgotten. */
  readonly truncateFrom: LogIndex | undefined;
  /** Contiguous; the first follows what is left of the log. */
  readonly entries: readonly Entry[];
}

/**
 * Who votes and who only learns. While `votersOutgoing` is not empty the configuration is
 * joint, and every decision needs a majority of both halves. §6
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when the joint phase ends. */
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

/**
 * What a snapshot stands for: the state after all entries up to `index`, the term of the last of them, and
 * who belonged to the cluster there, a joint phase included. §7
 */
export interface SnapshotMeta extends LogPosition {
  readonly configuration: Configuration;
}

/** A plain configuration of `voters` and `learners`. */
export function configuration(voters: readonly NodeId[], learners: readonly NodeId[] = []): Configuration {
  return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

/** Nodes that make a majority of `size`. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** True between entering and leaving a joint phase. */
export function isJoint(config: Configuration): boolean {
  return config.votersOutgoing.length > 0;
}

/** True when `id` votes in either half. */
export function isVoter(config: Configuration, id: NodeId): boolean {
  return config.voters.includes(id) || config.votersOutgoing.includes(id);
}

/** Every node that receives the log, each once: voters of both halves, then learners. */
export function members(config: Configuration): readonly NodeId[] {
  return [
    ...new Set([...config.voters, ...config.votersOutgoing, ...config.learners, ...config.learnersNext]),
  ];
}

/**
 * How willingly a node stands for election.
 *
 * - `eligible`: campaigns on its own time-out.
 * - `last-resort`: waits several time-outs longer, and hands leadership over once an eligible
 *   voter has caught up.
 * - `never`: votes, but does not campaign.
 */
export type Standing = 'eligible' | 'last-resort' | 'never';
