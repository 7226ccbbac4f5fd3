import { type Entry, entrySize, NO_DATA } from '../protocol/entry.ts';
import type { LogIndex, Millis, NodeId } from '../protocol/ids.ts';
import type { AppendResponse, HeartbeatResponse, SnapshotAnswer } from '../protocol/message.ts';
import { enlist, farewellDeadline } from './change.ts';
import { type Core, type Leader, smoothed } from './core.ts';
import { becomeFollower } from './election.ts';
import { onAccepted, onHeartbeatAnswered, onRejected, toDoubt, toProbe } from './progress.ts';
import { quorumValue } from './quorum.ts';
import { forgetReadsOf, releaseReads } from './reads.ts';
import {
  appendAsLeader,
  broadcastHeartbeat,
  replicateTo,
  replicateToAll,
  verifyPipeline,
} from './replication.ts';
import { advanceTransfer, considerHandOver, onTransferLinkClosed, resign } from './transfer.ts';

/** Regular heartbeats that may still be answered; a later answer says nothing of a link that is worth knowing. */
const MAX_BEATS = 16;

/** Wins the election: begins replication and lays a no-op at the start of the term. §5.2, §8 */
export function becomeLeader(core: Core): void {
  const leader: Leader = {
    kind: 'leader',
    progress: new Map(),
    contacts: new Map(),
    leaving: new Map(),
    tended: undefined,
    heartbeatDeadline: core.now + core.config.heartbeatIntervalMs,
    round: 0,
    sentRounds: [],
    beats: [],
    reads: [],
    transfer: undefined,
    gaveAway: false,
    handOverNotBefore: core.now + core.config.electionTimeoutMaxMs,
    uncommittedBytes: 0,
  };
  enlist(core, leader, core.membership);
  // Whom a change that is not committed yet removes shall learn of it.
  enlist(core, leader, core.configurations.at(core.log.commitIndex));
  core.role = leader;
  core.hasty = false;
  core.hasStood = false;
  core.lostRounds = 0;
  appendAsLeader(core, leader, [noop(core)]);
}

function noop(core: Core): Entry {
  return { index: (core.log.lastIndex + 1) as LogIndex, term: core.term, kind: 'noop', data: NO_DATA };
}

/** Appends `commands` as one batch, or refuses all of them. */
export function propose(core: Core, leader: Leader, commands: readonly Uint8Array[]): void {
  if (leader.transfer !== undefined) {
    core.out.proposal = { kind: 'refused', code: 'TRANSFER_IN_PROGRESS' };
    return;
  }
  if (leader.uncommittedBytes > core.config.maxUncommittedBytes) {
    core.out.proposal = { kind: 'refused', code: 'BUSY' };
    return;
  }
  const firstIndex = (core.log.lastIndex + 1) as LogIndex;
  const entries = commands.map(
    (data, at): Entry => ({ index: (firstIndex + at) as LogIndex, term: core.term, kind: 'command', data }),
  );
  core.out.proposal = { kind: 'appended', firstIndex };
  appendAsLeader(core, leader, entries);
}

export function onAppendResponse(core: Core, leader: Leader, response: AppendResponse): void {
  const progress = leader.progress.get(response.from);
  if (progress === undefined) return;
  noteContact(core, leader, response.from);
  const { result } = response;
  if (result.kind === 'accepted') onHeld(core, leader, response.from, result.matchIndex);
  else {
    const { log } = core;
    // What the peer has in common with us may lie below what is left of our log: then it needs a snapshot.
    const isBelow = result.hintIndex < log.base.index;
    const agreement = isBelow
      ? result.hintIndex
      : log.agreementBelow(result.hintIndex, result.hintTerm).index;
    leader.progress.set(response.from, onRejected(progress, result.rejectedIndex, agreement));
  }
  replicateTo(core, leader, response.from);
}

/** `peer` holds everything up to `matchIndex`, durably. */
function onHeld(core: Core, leader: Leader, peer: NodeId, matchIndex: LogIndex): void {
  const progress = leader.progress.get(peer);
  if (progress === undefined) return;
  leader.progress.set(peer, onAccepted(progress, matchIndex, core.log.base.index));
  if (advanceCommit(core, leader)) replicateToAll(core, leader);
  advanceTransfer(core, leader);
}

/** How `peer` fares with the snapshot it is sent. While bytes are on their way only the runtime has to act. */
export function onSnapshotAnswer(core: Core, leader: Leader, answer: SnapshotAnswer): void {
  if (!leader.progress.has(answer.from)) return;
  noteContact(core, leader, answer.from);
  if (answer.status !== 'installed') return;
  onHeld(core, leader, answer.from, answer.index);
  const progress = leader.progress.get(answer.from);
  // The log went on without it meanwhile: the next snapshot, then.
  if (progress?.mode === 'snapshot') leader.progress.set(answer.from, toProbe(progress));
  replicateTo(core, leader, answer.from);
}

export function onHeartbeatResponse(core: Core, leader: Leader, response: HeartbeatResponse): void {
  const progress = leader.progress.get(response.from);
  const contact = leader.contacts.get(response.from);
  if (progress === undefined || contact === undefined) return;
  noteContact(core, leader, response.from);
  noteBeat(core, leader, response);
  contact.answeredRound = Math.max(contact.answeredRound, response.round);
  contact.confirmedAt = Math.max(contact.confirmedAt, sentAt(leader, response.round));
  contact.standing = response.standing;
  releaseReads(core, leader);
  leader.progress.set(response.from, onHeartbeatAnswered(progress));
  if (progress.mode === 'probe') replicateTo(core, leader, response.from);
  else if (progress.mode === 'replicate' && progress.matchIndex < core.log.lastIndex) {
    verifyPipeline(core, leader, response.from);
  }
  considerHandOver(core, leader, response);
}

/** Only the first answer to a heartbeat counts, and only to one that no later answer has overtaken. */
function noteBeat(core: Core, leader: Leader, { from, round }: HeartbeatResponse): void {
  const contact = leader.contacts.get(from);
  const sent = leader.beats.find((beat) => beat.round === round);
  if (contact === undefined || sent === undefined || round <= contact.answeredRound) return;
  const roundTripMs = smoothed(contact.beat.roundTripMs, core.now - sent.at);
  contact.beat = { round, heardAt: core.now, sentAt: sent.at, roundTripMs };
}

function sentAt(leader: Leader, round: number): Millis {
  return leader.sentRounds.find((sent) => sent.round === round)?.at ?? Number.NEGATIVE_INFINITY;
}

/** The own disk has come further: that counts like any other node's. */
export function onLeaderDurable(core: Core, leader: Leader): void {
  if (advanceCommit(core, leader)) replicateToAll(core, leader);
}

/**
 * What was sent while the link was down is lost, the probe that a paused peer was to answer too. And the peer may be
 * another life of it, whose disk has lost what it once held.
 */
export function onLeaderLinkOpened(core: Core, leader: Leader, peer: NodeId): void {
  const progress = leader.progress.get(peer);
  if (progress !== undefined) leader.progress.set(peer, toDoubt(progress));
  replicateTo(core, leader, peer);
}

export function onLeaderLinkClosed(core: Core, leader: Leader, peer: NodeId): void {
  probeAgain(leader, peer);
  forgetReadsOf(leader, peer);
  onTransferLinkClosed(core, leader, peer);
}

function probeAgain(leader: Leader, peer: NodeId): void {
  const progress = leader.progress.get(peer);
  if (progress !== undefined) leader.progress.set(peer, toProbe(progress));
}

function noteContact(core: Core, leader: Leader, peer: NodeId): void {
  const contact = leader.contacts.get(peer);
  if (contact !== undefined) contact.lastContactAt = core.now;
}

/** Commits what a quorum holds durably. Returns whether anything is new. */
function advanceCommit(core: Core, leader: Leader): boolean {
  const { log, durability } = core;
  const held = quorumValue(core.membership, (id) =>
    id === core.id ? durability.durableIndex : (leader.progress.get(id)?.matchIndex ?? 0),
  );
  const index = Math.min(held, log.lastIndex) as LogIndex;
  if (index <= log.commitIndex) return false;
  // Counting replicas commits only entries of our own term; older ones commit with them. Otherwise
  // Figure 8 could erase a committed entry. §5.4.2
  if (log.termAt(index) !== core.term) return false;
  for (const entry of log.range((log.commitIndex + 1) as LogIndex, index)) {
    if (entry.term === core.term) leader.uncommittedBytes -= entrySize(entry);
  }
  log.commit(index);
  return true;
}

/** When a leader that hears nothing from a quorum must have stepped down. Thesis §6.2 */
function quorumDeadline(core: Core, leader: Leader): Millis {
  const heardAt = quorumValue(core.membership, (id) =>
    id === core.id ? Number.POSITIVE_INFINITY : (leader.contacts.get(id)?.lastContactAt ?? 0),
  );
  return heardAt + core.config.electionTimeoutMaxMs;
}

/**
 * When a leader whose disk has not completed a write must have given way to one whose disk works: heartbeats
 * would go on for ever without it (hashicorp/raft 503, 612). Nobody else to vote for: no reason to.
 */
function diskDeadline({ durability, membership, config, id }: Core): Millis {
  const oldest = durability.pending[0];
  const isAlone = membership.voters.every((voter) => voter === id);
  if (oldest === undefined || isAlone) return Number.POSITIVE_INFINITY;
  return oldest.issuedAt + config.electionTimeoutMaxMs;
}

/** Fires what is due: check-quorum, a stalled disk, the end of a hand-over, the heartbeat. */
export function onLeaderTick(core: Core, leader: Leader): void {
  if (core.now >= quorumDeadline(core, leader)) {
    becomeFollower(core, core.term, undefined);
    return;
  }
  if (core.now >= diskDeadline(core)) {
    resign(core, leader);
    return;
  }
  if (leader.transfer !== undefined && core.now >= leader.transfer.deadline) {
    const { target, sent } = leader.transfer;
    const reason = `${target} did not ${sent ? 'take over' : 'catch up'} in time`;
    core.out.transfer = { kind: 'failed', code: 'TRANSFER_FAILED', reason };
    leader.transfer = undefined;
  }
  if (core.now >= leader.heartbeatDeadline) {
    leader.heartbeatDeadline = core.now + core.config.heartbeatIntervalMs;
    broadcastHeartbeat(core, leader);
    leader.beats = [...leader.beats.slice(1 - MAX_BEATS), { round: leader.round, at: core.now }];
  }
}

/** The earliest of the leader's deadlines. */
export function leaderDeadline(core: Core, leader: Leader): Millis {
  if (leader.progress.size === 0) return Number.POSITIVE_INFINITY;
  return Math.min(
    leader.heartbeatDeadline,
    quorumDeadline(core, leader),
    diskDeadline(core),
    farewellDeadline(leader),
    leader.transfer?.deadline ?? Number.POSITIVE_INFINITY,
  );
}
