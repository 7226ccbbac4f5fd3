import { type Entry, entrySize } from '../protocol/entry.ts';
import type { LogIndex, NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { appendToLog, type Core, type Leader } from './core.ts';
import { isPaused, onSent, toSnapshot } from './progress.ts';

/** Puts `entries` at the end of the own log and sends them to everybody; the own disk works meanwhile. */
export function appendAsLeader(core: Core, leader: Leader, entries: readonly Entry[]): void {
  appendToLog(core, entries);
  for (const entry of entries) leader.uncommittedBytes += entrySize(entry);
  replicateToAll(core, leader);
}

/** Sends every peer what it lacks, as far as its pipeline takes it. */
export function replicateToAll(core: Core, leader: Leader): void {
  for (const peer of leader.progress.keys()) replicateTo(core, leader, peer);
}

/**
 * Sends `peer` what it lacks: one probe, or appends until the pipeline is full; and the commit index
 * if that is all there is to say. §5.3
 */
export function replicateTo(core: Core, leader: Leader, peer: NodeId): void {
  let sent = false;
  for (;;) {
    const progress = leader.progress.get(peer);
    if (progress === undefined || progress.mode === 'snapshot' || isPaused(progress, core.config)) break;
    if (progress.nextIndex <= core.log.base.index) {
      sendSnapshot(core, leader, peer);
      return;
    }
    // A probe asks where the logs agree, so it goes out even with nothing to append.
    if (progress.mode === 'replicate' && progress.nextIndex > core.log.lastIndex) break;
    sendAppend(
      core,
      leader,
      peer,
      core.log.slice(progress.nextIndex, core.log.lastIndex, core.config.maxAppendBytes),
    );
    sent = true;
  }
  if (!sent) tellCommit(core, leader, peer);
}

/**
 * Appends may have been lost on the way. An empty one behind all of them finds out: it is accepted when
 * they arrived, and its rejection starts the repair when they did not.
 */
export function verifyPipeline(core: Core, leader: Leader, peer: NodeId): void {
  const progress = leader.progress.get(peer);
  // The log has been compacted past what comes next: whatever arrived, only a snapshot leads on.
  if (progress?.mode === 'replicate' && progress.nextIndex <= core.log.base.index) {
    sendSnapshot(core, leader, peer);
  } else sendAppend(core, leader, peer, []);
}

/** What `peer` lacks is not in the log any more. The runtime moves the bytes. §7 */
function sendSnapshot(core: Core, leader: Leader, peer: NodeId): void {
  const progress = leader.progress.get(peer);
  invariant(progress !== undefined && core.snapshot !== undefined, 'whatever is compacted is in a snapshot');
  leader.progress.set(peer, toSnapshot(progress, core.snapshot.index));
  core.out.snapshotsTo.push(peer);
}

function sendAppend(core: Core, leader: Leader, peer: NodeId, entries: readonly Entry[]): void {
  const progress = leader.progress.get(peer);
  const contact = leader.contacts.get(peer);
  invariant(progress !== undefined && contact !== undefined, `no progress for ${peer}`);
  invariant(progress.mode !== 'snapshot', `${peer} waits for a snapshot`);
  const prevLogIndex = (progress.nextIndex - 1) as LogIndex;
  const prevLogTerm = core.log.termAt(prevLogIndex);
  invariant(
    prevLogTerm !== undefined,
    `entry ${prevLogIndex} before the append to ${peer} is not in the log`,
  );
  const { commitIndex } = core.log;
  core.out.messages.push({
    type: 'append-request',
    from: core.id,
    to: peer,
    term: core.term,
    prevLogIndex,
    prevLogTerm,
    entries,
    commitIndex,
  });
  const lastIndex = (prevLogIndex + entries.length) as LogIndex;
  const bytes = entries.reduce((sum, entry) => sum + entrySize(entry), 0);
  leader.progress.set(peer, onSent(progress, { lastIndex, bytes }));
  contact.toldCommit = Math.min(commitIndex, lastIndex) as LogIndex;
}

/** Nothing to append, but something is committed that the peer holds and does not know to be. */
function tellCommit(core: Core, leader: Leader, peer: NodeId): void {
  const progress = leader.progress.get(peer);
  const contact = leader.contacts.get(peer);
  if (progress === undefined || contact === undefined) return;
  const commitIndex = Math.min(core.log.commitIndex, progress.matchIndex) as LogIndex;
  if (commitIndex <= contact.toldCommit) return;
  contact.toldCommit = commitIndex;
  core.out.messages.push({ type: 'commit-notice', from: core.id, to: peer, term: core.term, commitIndex });
}

/**
 * One heartbeat to everybody, in a round of its own. Its commit index stays within what the peer is known to
 * hold, because a heartbeat checks no log. Its answers confirm the reads that came before it.
 */
export function broadcastHeartbeat(core: Core, leader: Leader): void {
  leader.round += 1;
  if (core.config.leaseReads) noteRound(core, leader);
  for (const [peer, progress] of leader.progress) {
    core.out.messages.push({
      type: 'heartbeat',
      from: core.id,
      to: peer,
      term: core.term,
      commitIndex: Math.min(core.log.commitIndex, progress.matchIndex) as LogIndex,
      round: leader.round,
    });
  }
}

/** Rounds that are too old to make a lease are forgotten. */
function noteRound(core: Core, leader: Leader): void {
  const oldest = core.now - core.config.electionTimeoutMinMs;
  leader.sentRounds = leader.sentRounds.filter(({ at }) => at > oldest);
  leader.sentRounds.push({ round: leader.round, at: core.now });
}
