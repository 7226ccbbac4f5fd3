import type { Entry } from '../protocol/entry.ts';
import type { LogIndex, Millis, NodeId, Term } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { Message } from '../protocol/message.ts';
import type {
  Configuration,
  HardState,
  LogPosition,
  LogWrite,
  SnapshotMeta,
  Standing,
} from '../protocol/state.ts';
import type { RaftConfig } from './config.ts';
import { Configurations } from './configurations.ts';
import type { Effects, MembershipReply, ProposalReply, ReadReply, TransferReply } from './effects.ts';
import { LOG_START, RaftLog } from './log.ts';
import type { ProgressMap } from './progress.ts';
import type { Random } from './random.ts';

export interface Follower {
  readonly kind: 'follower';
  leaderId: NodeId | undefined;
  /** Last word of the leader; undefined once its link closed, for then it is not protected any more. */
  leaderContactAt: Millis | undefined;
  /** How long this node bears silence; drawn anew with each leader. */
  patienceMs: Millis;
  electionDeadline: Millis;
  /** Its turn to stand came while its disk was slow, and it left the turn to others. */
  gaveWay: boolean;
}

/** A round of pre-votes (thesis §9.6) or of votes (§5.2). */
export interface Campaign {
  readonly kind: 'pre-candidate' | 'candidate';
  readonly votes: Map<NodeId, boolean>;
  readonly transfer: boolean;
  readonly roundDeadline: Millis;
  /** The own vote counts once this write is durable. */
  readonly ownVoteSequence: number;
}

interface PendingRead {
  /** The heartbeat round that must be answered by a quorum. Thesis §6.4 */
  readonly round: number;
  readonly index: LogIndex;
  readonly context: number;
  readonly from: NodeId;
}

/** When the heartbeats of a round left. */
interface SentRound {
  readonly round: number;
  readonly at: Millis;
}

interface Transfer {
  readonly target: NodeId;
  readonly deadline: Millis;
  sent: boolean;
}

/** What answers to the regular heartbeats tell of a link. */
interface Beat {
  /** Of the heartbeat that it answered last; 0 before the first. */
  readonly round: number;
  /** When the latest answer came, and when the heartbeat that it answers had left; both the start before the first. */
  readonly heardAt: Millis;
  readonly sentAt: Millis;
  /** From heartbeat to answer, smoothed; undefined before the first. */
  readonly roundTripMs: Millis | undefined;
}

/** What the leader keeps of one peer besides its log progress. */
export interface PeerContact {
  lastContactAt: Millis;
  answeredRound: number;
  /** When the heartbeat that it answered last had left: no later than that it took this node for the leader. */
  confirmedAt: Millis;
  /** Of the regular heartbeats it has answered: for whoever judges its link. */
  beat: Beat;
  /** As its heartbeat answers say; undefined before the first. */
  standing: Standing | undefined;
  /** Commit index this peer has been told. */
  toldCommit: LogIndex;
}

export interface Leader {
  readonly kind: 'leader';
  readonly progress: ProgressMap;
  readonly contacts: Map<NodeId, PeerContact>;
  /** Members no more that shall still learn of it, and until when they are told. */
  readonly leaving: Map<NodeId, Millis>;
  /** The committed configuration that asks nothing more of the leader. */
  tended: Configuration | undefined;
  heartbeatDeadline: Millis;
  round: number;
  /** The latest rounds, oldest first. */
  sentRounds: SentRound[];
  /** The latest of the regular heartbeats, oldest first. */
  beats: SentRound[];
  reads: PendingRead[];
  transfer: Transfer | undefined;
  /** `timeout-now` has left in this term: whoever got it may be elected at any time. */
  gaveAway: boolean;
  /** A last-resort leader does not try the next hand-over before this. */
  handOverNotBefore: Millis;
  uncommittedBytes: number;
}

export type Role = Follower | Campaign | Leader;

/**
 * The whole state of one node's consensus, and the effects of the step under way. The files of this
 * folder are functions over it; `raft.ts` composes them.
 */
export interface Core {
  readonly id: NodeId;
  readonly config: RaftConfig;
  readonly random: Random;
  readonly log: RaftLog;
  readonly configurations: Configurations;
  readonly openLinks: Set<NodeId>;
  /** Where leases are on: to whom this node has promised, when it heard them last, not to vote for others. */
  promised: { readonly leaderId: NodeId | undefined; readonly at: Millis };
  now: Millis;
  term: Term;
  votedFor: NodeId | undefined;
  /** In force: the latest in the log. */
  readonly membership: Configuration;
  /** The latest own one that is durable. */
  snapshot: SnapshotMeta | undefined;
  /** Where the own log ended before part of it was damaged, until it is as far again. See `repair.ts`. */
  floor: LogPosition | undefined;
  role: Role;
  /** What the swarm's weights add to the configured rank, or take from it. */
  rankShift: number;
  /** Voting rounds lost since a leader was last heard: widens the random range. */
  lostRounds: number;
  /** True once this node has stood since a leader was last heard: then everybody else has had their turn. */
  hasStood: boolean;
  /** True while silence is certain (start, closed link): campaigns use the hasty range. */
  hasty: boolean;
  readonly durability: Durability;
  readonly out: Outbox;
}

/** How far the own disk has come. Writes complete in order, but a cut may overtake a completion. */
interface Durability {
  issued: number;
  completed: number;
  durableIndex: LogIndex;
  /** Last index each write under way reaches, clamped when the log is cut below it. */
  pending: { readonly sequence: number; readonly issuedAt: Millis; lastIndex: LogIndex }[];
  /** How long the write took that completed last. */
  lastWriteMs: Millis;
  /** The same, smoothed; undefined before the first. */
  usualWriteMs: Millis | undefined;
}

/** Effects gathered during one step. */
interface Outbox {
  hardStateChanged: boolean;
  restored: SnapshotMeta | undefined;
  truncateFrom: LogIndex | undefined;
  appended: Entry[];
  messages: Message[];
  messagesOnceDurable: Message[];
  committedFrom: LogIndex;
  compactTo: LogIndex | undefined;
  snapshotsTo: NodeId[];
  proposal: ProposalReply | undefined;
  reads: ReadReply[];
  transfer: TransferReply | undefined;
  membership: MembershipReply | undefined;
}

export interface CoreOptions {
  readonly id: NodeId;
  readonly config: RaftConfig;
  readonly random: Random;
  readonly now: Millis;
  readonly hardState: HardState;
  /** The state machine is as this snapshot says. */
  readonly snapshot?: SnapshotMeta | undefined;
  /** What precedes the first of `entries`; default: nothing. */
  readonly base?: LogPosition;
  readonly entries: readonly Entry[];
  /** Where the log ended before part of it was damaged. */
  readonly floor?: LogPosition | undefined;
  /** In force while neither snapshot nor log holds a configuration. */
  readonly bootstrap: Configuration;
}

/** A follower that knows no leader. */
export function createCore(options: CoreOptions): Core {
  const { snapshot, hardState } = options;
  const log = new RaftLog(options.base ?? LOG_START, options.entries);
  if (snapshot !== undefined) log.commit(snapshot.index);
  const configurations = new Configurations(
    snapshot?.index ?? log.base.index,
    snapshot?.configuration ?? options.bootstrap,
  );
  configurations.append(log.range((log.commitIndex + 1) as LogIndex, log.lastIndex));
  // A snapshot may have become durable just before the term in which it came. No vote of that term was cast.
  const isBehind = hardState.term < log.lastTerm;
  const role: Follower = {
    kind: 'follower',
    leaderId: undefined,
    leaderContactAt: undefined,
    patienceMs: Number.POSITIVE_INFINITY,
    electionDeadline: Number.POSITIVE_INFINITY,
    gaveWay: false,
  };
  return {
    id: options.id,
    config: options.config,
    random: options.random,
    log,
    configurations,
    openLinks: new Set(),
    // Before a restart it may have promised, and has forgotten when.
    promised: { leaderId: undefined, at: options.now },
    now: options.now,
    term: isBehind ? log.lastTerm : hardState.term,
    votedFor: isBehind ? undefined : hardState.votedFor,
    get membership() {
      return configurations.latest;
    },
    snapshot,
    floor: options.floor,
    role,
    rankShift: 0,
    lostRounds: 0,
    hasStood: false,
    hasty: false,
    durability: {
      issued: 0,
      completed: 0,
      durableIndex: log.lastIndex,
      pending: [],
      lastWriteMs: 0,
      usualWriteMs: undefined,
    },
    out: { ...emptyOutbox(log.commitIndex), hardStateChanged: isBehind },
  };
}

function emptyOutbox(commitIndex: LogIndex): Outbox {
  return {
    hardStateChanged: false,
    restored: undefined,
    truncateFrom: undefined,
    appended: [],
    messages: [],
    messagesOnceDurable: [],
    committedFrom: commitIndex,
    compactTo: undefined,
    snapshotsTo: [],
    proposal: undefined,
    reads: [],
    transfer: undefined,
    membership: undefined,
  };
}

/** Enters a new term without a vote. §5.1 */
export function enterTerm(core: Core, term: Term): void {
  invariant(term > core.term, 'terms only rise');
  core.term = term;
  core.votedFor = undefined;
  core.out.hardStateChanged = true;
}

/** Casts the vote of this term. At most one, for ever. §5.2 */
export function castVote(core: Core, candidate: NodeId): void {
  invariant(core.votedFor === undefined || core.votedFor === candidate, 'one vote a term');
  if (core.votedFor === candidate) return;
  core.votedFor = candidate;
  core.out.hardStateChanged = true;
}

export function appendToLog(core: Core, entries: readonly Entry[]): void {
  core.log.append(entries);
  core.configurations.append(entries);
  for (const entry of entries) core.out.appended.push(entry);
}

/** Cuts the log; what of it was on its way to the disk does not count any more when it gets there. */
export function truncateLog(core: Core, from: LogIndex): void {
  invariant(core.out.appended.length === 0, 'a step cuts before it appends');
  core.log.truncate(from);
  core.configurations.truncate(from);
  core.out.truncateFrom = from;
  const last = (from - 1) as LogIndex;
  const { durability } = core;
  durability.durableIndex = Math.min(durability.durableIndex, last) as LogIndex;
  for (const write of durability.pending) write.lastIndex = Math.min(write.lastIndex, last) as LogIndex;
}

/** The whole log gives way to a snapshot, which is durable. §7 */
export function restartLog(core: Core, snapshot: SnapshotMeta): void {
  const { durability, out } = core;
  invariant(
    out.appended.length === 0 && out.truncateFrom === undefined,
    'a step begins anew before all else',
  );
  core.log.restart(snapshot);
  core.configurations.restart(snapshot.index, snapshot.configuration);
  core.snapshot = snapshot;
  out.restored = snapshot;
  out.committedFrom = snapshot.index;
  durability.durableIndex = snapshot.index;
  for (const write of durability.pending) write.lastIndex = snapshot.index;
}

/** True once an entry of this term is committed: before that a read index could be stale. §8 */
export function hasCommittedInTerm(core: Core): boolean {
  return core.log.termAt(core.log.commitIndex) === core.term;
}

/** Takes in that the disk has come to `sequence`. */
export function noteDurable(core: Core, sequence: number): void {
  const { durability } = core;
  invariant(sequence <= durability.issued, 'the disk completes only what it was given');
  durability.completed = Math.max(durability.completed, sequence);
  while (durability.pending[0] !== undefined && durability.pending[0].sequence <= sequence) {
    durability.durableIndex = durability.pending[0].lastIndex;
    durability.lastWriteMs = core.now - durability.pending[0].issuedAt;
    durability.usualWriteMs = smoothed(durability.usualWriteMs, durability.lastWriteMs);
    durability.pending.shift();
  }
}

/** The share that one more measurement has in a smoothed time: as TCP's, whose round trips vary alike (RFC 6298). */
const SMOOTHING = 1 / 8;

export function smoothed(usual: Millis | undefined, measured: Millis): Millis {
  return usual === undefined ? measured : usual + SMOOTHING * (measured - usual);
}

/** How long the own disk takes for a write by now, as far as it is known. */
export function writeLatency(core: Core): Millis {
  const { pending, lastWriteMs } = core.durability;
  return pending[0] === undefined ? lastWriteMs : Math.max(lastWriteMs, core.now - pending[0].issuedAt);
}

/** The number the write of the step under way has, or would have. */
export function currentWriteSequence(core: Core): number {
  return core.durability.issued + 1;
}

/** Closes the step: what was gathered becomes its effects. */
export function takeEffects(core: Core): Effects {
  const { out } = core;
  const effects: Effects = {
    restored: out.restored,
    write: takeWrite(core),
    messages: out.messages,
    messagesOnceDurable: out.messagesOnceDurable,
    committed:
      core.log.commitIndex > out.committedFrom
        ? core.log.range((out.committedFrom + 1) as LogIndex, core.log.commitIndex)
        : [],
    compactTo: out.compactTo,
    snapshotsTo: out.snapshotsTo,
    proposal: out.proposal,
    reads: out.reads,
    transfer: out.transfer,
    membership: out.membership,
  };
  Object.assign(out, emptyOutbox(core.log.commitIndex));
  return effects;
}

function takeWrite(core: Core): LogWrite | undefined {
  const { out, durability } = core;
  const isIdle = !out.hardStateChanged && out.restored === undefined && out.truncateFrom === undefined;
  if (isIdle && out.appended.length === 0) return undefined;
  durability.issued += 1;
  durability.pending.push({ sequence: durability.issued, issuedAt: core.now, lastIndex: core.log.lastIndex });
  return {
    sequence: durability.issued,
    hardState: out.hardStateChanged ? { term: core.term, votedFor: core.votedFor } : undefined,
    restartAt:
      out.restored === undefined ? undefined : { index: out.restored.index, term: out.restored.term },
    truncateFrom: out.truncateFrom,
    entries: out.appended,
  };
}
