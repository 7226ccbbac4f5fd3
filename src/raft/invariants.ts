import { entrySize } from '../protocol/entry.ts';
import { type LogIndex, type NodeId, TERM_ZERO, type Term } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { isVoter, members } from '../protocol/state.ts';
import { type Core, hasCommittedInTerm, type Leader, type Role } from './core.ts';
import type { Progress } from './progress.ts';
import { quorumValue } from './quorum.ts';

/**
 * What must hold of one node between two steps. Costs a walk over the whole log: for tests and
 * simulations, not for the hot path.
 *
 * @throws InvariantError naming the node and what broke.
 */
export function checkState(core: Core): void {
  checkLog(core);
  checkDurability(core);
  checkOutboxIsTaken(core);
  checkRole(core);
}

function checkLog(core: Core): void {
  const { id, log, term } = core;
  invariant(log.commitIndex <= log.lastIndex, `${id}: commitIndex ${log.commitIndex} is beyond the log`);
  let before = TERM_ZERO;
  for (const entry of log.range(1 as LogIndex, log.lastIndex)) {
    invariant(entry.term >= before, `${id}: terms fall along the log at ${entry.index}`);
    invariant(entry.term > 0, `${id}: entry ${entry.index} has no term`);
    before = entry.term;
  }
  invariant(log.lastTerm <= term, `${id}: the log's term ${log.lastTerm} is ahead of the node's ${term}`);
}

/** What is in the log is on the disk or on its way there. */
function checkDurability(core: Core): void {
  const { id, log, durability } = core;
  const { issued, completed, durableIndex, pending } = durability;
  invariant(completed <= issued, `${id}: the disk completed ${completed} of ${issued} writes`);
  let sequence = completed;
  let reached = durableIndex;
  for (const write of pending) {
    invariant(write.sequence > sequence, `${id}: write ${write.sequence} under way is out of order`);
    invariant(write.lastIndex >= reached, `${id}: write ${write.sequence} reaches less than one before it`);
    sequence = write.sequence;
    reached = write.lastIndex;
  }
  invariant(sequence <= issued, `${id}: write ${sequence} was never issued`);
  invariant(reached === log.lastIndex, `${id}: entries ${reached + 1}… never went to the disk`);
}

function checkOutboxIsTaken({ id, out, log }: Core): void {
  const gathered = out.messages.length + out.messagesOnceDurable.length + out.appended.length;
  invariant(gathered === 0 && !out.hardStateChanged, `${id}: effects of the last step were not taken`);
  invariant(out.committedFrom === log.commitIndex, `${id}: committed entries were not handed out`);
}

function checkRole(core: Core): void {
  const { id, role, votedFor, durability } = core;
  switch (role.kind) {
    case 'follower':
      invariant(role.leaderId !== id, `${id} follows itself`);
      invariant((role.leaderContactAt ?? 0) <= core.now, `${id} heard its leader in the future`);
      return;
    case 'pre-candidate':
      invariant(isVoter(core.membership, id), `${id} rehearses an election without a vote`);
      return;
    case 'candidate':
      invariant(isVoter(core.membership, id), `${id} stands for election without a vote`);
      invariant(votedFor === id, `candidate ${id} voted for ${votedFor}`);
      invariant(
        !role.votes.has(id) || durability.completed >= role.ownVoteSequence,
        `${id} counts its own vote before it is durable`,
      );
      return;
    case 'leader':
      checkLeader(core, role);
  }
}

function checkLeader(core: Core, leader: Leader): void {
  const { id, log, term, votedFor } = core;
  invariant(votedFor === id, `leader ${id} voted for ${votedFor}`);
  invariant(log.lastTerm === term, `leader ${id} has no entry of its term ${term}`);
  checkPeers(core, leader);
  checkReads(core, leader);
  checkCommitIsBacked(core, leader);
  const uncommitted = log
    .range((log.commitIndex + 1) as LogIndex, log.lastIndex)
    .filter((entry) => entry.term === term)
    .reduce((sum, entry) => sum + entrySize(entry), 0);
  invariant(
    leader.uncommittedBytes === uncommitted,
    `${id} counts ${leader.uncommittedBytes} uncommitted bytes where there are ${uncommitted}`,
  );
  const target = leader.transfer?.target;
  invariant(target !== id, `${id} hands over to itself`);
  invariant(target === undefined || isVoter(core.membership, target), `${id} hands over to ${target}`);
}

function checkPeers(core: Core, leader: Leader): void {
  const peers = members(core.membership).filter((peer) => peer !== core.id);
  invariant(
    leader.progress.size === peers.length && leader.contacts.size === peers.length,
    `${core.id} keeps progress of ${leader.progress.size} and contact of ${leader.contacts.size} peers of ${peers.length}`,
  );
  for (const peer of peers) {
    const progress = leader.progress.get(peer);
    const contact = leader.contacts.get(peer);
    invariant(progress !== undefined && contact !== undefined, `${core.id} has lost sight of ${peer}`);
    checkProgress(core, peer, progress);
    invariant(contact.lastContactAt <= core.now, `${core.id} heard ${peer} in the future`);
    invariant(contact.answeredRound <= leader.round, `${peer} answered a round that was never asked`);
    invariant(contact.toldCommit <= core.log.commitIndex, `${peer} was told of a commit that is none`);
  }
}

function checkProgress(core: Core, peer: NodeId, progress: Progress): void {
  const { matchIndex, nextIndex } = progress;
  const { lastIndex } = core.log;
  const name = `${core.id}'s progress of ${peer}`;
  invariant(matchIndex < nextIndex, `${name}: matchIndex ${matchIndex} is not below nextIndex ${nextIndex}`);
  invariant(matchIndex <= lastIndex, `${name}: matchIndex ${matchIndex} is beyond the log`);
  invariant(nextIndex <= lastIndex + 1, `${name}: nextIndex ${nextIndex} is beyond the log's end`);
  if (progress.mode === 'probe') return;
  const { inflight } = progress;
  invariant(
    inflight.length <= core.config.maxInflightAppends,
    `${name}: ${inflight.length} appends under way`,
  );
  let before = matchIndex;
  for (const append of inflight) {
    invariant(append.lastIndex > before, `${name}: appends under way do not ascend`);
    before = append.lastIndex;
  }
  invariant(before < nextIndex, `${name}: an append under way ends at or above nextIndex`);
  const bytes = inflight.slice(0, -1).reduce((sum, append) => sum + append.bytes, 0);
  invariant(
    inflight.length === 0 || bytes < core.config.maxInflightBytes,
    `${name}: ${bytes} bytes under way, and one append more`,
  );
}

function checkReads(core: Core, leader: Leader): void {
  let round = 0;
  for (const read of leader.reads) {
    invariant(read.round > round && read.round <= leader.round, `${core.id}: read rounds do not ascend`);
    invariant(read.index <= core.log.commitIndex, `${core.id} would serve a read beyond its commit`);
    round = read.round;
  }
  // §8: before that, the commit index may lie behind what an earlier leader acknowledged.
  invariant(
    leader.reads.length === 0 || hasCommittedInTerm(core),
    `${core.id} admitted a read before its term has committed`,
  );
}

/** A commit in the own term rests on a quorum's disks. §5.3, §5.4.2 */
function checkCommitIsBacked(core: Core, leader: Leader): void {
  if (!hasCommittedInTerm(core)) return;
  const held = quorumValue(core.membership, (id) =>
    id === core.id ? core.durability.durableIndex : (leader.progress.get(id)?.matchIndex ?? 0),
  );
  invariant(
    held >= core.log.commitIndex,
    `${core.id} committed ${core.log.commitIndex}, a quorum holds ${held}`,
  );
}

/** What `checkDelta` compares: one node between two of its steps. */
export interface Snapshot {
  readonly id: NodeId;
  readonly role: Role['kind'];
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly commitIndex: LogIndex;
  /** The term of each entry, from index 1 on. */
  readonly terms: readonly Term[];
}

export function snapshotOf(core: Core): Snapshot {
  return {
    id: core.id,
    role: core.role.kind,
    term: core.term,
    votedFor: core.votedFor,
    commitIndex: core.log.commitIndex,
    terms: core.log.range(1 as LogIndex, core.log.lastIndex).map((entry) => entry.term),
  };
}

/**
 * What no step of one life may do, whatever happened. Figure 3 as far as one node can tell.
 *
 * @throws InvariantError naming the node and what broke.
 */
export function checkDelta(before: Snapshot, after: Snapshot): void {
  const { id } = after;
  invariant(id === before.id, `compared ${before.id} with ${id}`);
  invariant(after.term >= before.term, `${id}: the term fell from ${before.term} to ${after.term}`);
  invariant(
    after.commitIndex >= before.commitIndex,
    `${id}: commitIndex fell from ${before.commitIndex} to ${after.commitIndex}`,
  );
  const committed = agreement(before.terms, after.terms) >= before.commitIndex;
  invariant(committed, `${id}: an entry at or below ${before.commitIndex} changed after it was committed`);
  const leads = after.role === 'leader';
  if (after.term > before.term) {
    invariant(!leads, `${id} leads term ${after.term} without having stood for it`);
    return;
  }
  invariant(
    before.votedFor === undefined || after.votedFor === before.votedFor,
    `${id}: voted for ${before.votedFor} and for ${after.votedFor} in term ${after.term}`,
  );
  if (!leads) return;
  invariant(before.role === 'candidate' || before.role === 'leader', `${id} leads without an election`);
  invariant(
    agreement(before.terms, after.terms) === before.terms.length,
    `${id}: leader of term ${after.term} changed its own log`,
  );
}

/** How many entries from the first on are of the same term in both. */
function agreement(left: readonly Term[], right: readonly Term[]): number {
  const differs = left.findIndex((term, at) => right[at] !== term);
  return differs < 0 ? left.length : differs;
}
