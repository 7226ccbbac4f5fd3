import { entrySize } from '../protocol/entry.ts';
import type { LogIndex, NodeId, Term } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { isVoter, members } from '../protocol/state.ts';
import { type Core, hasCommittedInTerm, type Leader, type Role } from './core.ts';
import { mayStand } from './election.ts';
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
  let before = log.base.term;
  for (const entry of log.range(log.firstIndex, log.lastIndex)) {
    invariant(entry.term >= before, `${id}: terms fall along the log at ${entry.index}`);
    invariant(entry.term > 0, `${id}: entry ${entry.index} has no term`);
    before = entry.term;
  }
  const kept = core.snapshot?.index ?? 0;
  invariant(log.base.index <= kept, `${id}: what lies below ${log.base.index} is in no snapshot`);
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
      invariant(mayStand(core), `${id} rehearses an election without a vote`);
      return;
    case 'candidate':
      invariant(mayStand(core), `${id} stands for election without a vote`);
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
  const peers = new Set(members(core.membership));
  const isChanging = core.configurations.latestIndex > core.log.commitIndex;
  for (const peer of leader.progress.keys()) {
    invariant(
      peers.has(peer) || isChanging || leader.leaving.has(peer),
      `${core.id} keeps book of ${peer}, who is no member`,
    );
    peers.add(peer);
  }
  peers.delete(core.id);
  invariant(leader.contacts.size === peers.size, `${core.id} has contact to somebody it keeps no book of`);
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
  const { matchIndex } = progress;
  const { lastIndex } = core.log;
  const name = `${core.id}'s progress of ${peer}`;
  invariant(matchIndex <= lastIndex, `${name}: matchIndex ${matchIndex} is beyond the log`);
  if (progress.mode === 'snapshot') {
    invariant(progress.pendingIndex <= core.log.commitIndex, `${name}: a snapshot of what is not committed`);
    return;
  }
  const { nextIndex } = progress;
  invariant(matchIndex < nextIndex, `${name}: matchIndex ${matchIndex} is not below nextIndex ${nextIndex}`);
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

/** A commit in the own term rests on a quorum's disks: of the configuration now or of the one then. §5.3, §5.4.2 */
function checkCommitIsBacked(core: Core, leader: Leader): void {
  if (!hasCommittedInTerm(core)) return;
  const { commitIndex } = core.log;
  const held = [core.membership, core.configurations.at(commitIndex)].map((config) =>
    quorumValue(config, (id) =>
      id === core.id ? core.durability.durableIndex : (leader.progress.get(id)?.matchIndex ?? 0),
    ),
  );
  invariant(
    Math.max(...held) >= commitIndex,
    `${core.id} committed ${commitIndex}, a quorum holds ${Math.max(...held)}`,
  );
}

/** What `checkDelta` compares: one node between two of its steps. */
export interface Sighting {
  readonly id: NodeId;
  readonly role: Role['kind'];
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly commitIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** The term of each entry, from the one behind `baseIndex` on. */
  readonly terms: readonly Term[];
  readonly baseIndex: LogIndex;
}

export function sight({ id, role, term, votedFor, log }: Core): Sighting {
  const { commitIndex, lastIndex, firstIndex, base } = log;
  const terms = log.range(firstIndex, lastIndex).map((entry) => entry.term);
  return { id, role: role.kind, term, votedFor, commitIndex, lastIndex, terms, baseIndex: base.index };
}

/**
 * What no step of one life may do, whatever happened. Figure 3 as far as one node can tell.
 *
 * @throws InvariantError naming the node and what broke.
 */
export function checkDelta(before: Sighting, after: Sighting): void {
  const { id } = after;
  invariant(id === before.id, `compared ${before.id} with ${id}`);
  invariant(after.term >= before.term, `${id}: the term fell from ${before.term} to ${after.term}`);
  invariant(
    after.commitIndex >= before.commitIndex,
    `${id}: commitIndex fell from ${before.commitIndex} to ${after.commitIndex}`,
  );
  const committed = agreement(before, after) >= before.commitIndex;
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
    agreement(before, after) === before.lastIndex,
    `${id}: leader of term ${after.term} changed its own log`,
  );
}

/** Up to where both logs hold the same entries, as far as they can be compared. */
function agreement(before: Sighting, after: Sighting): number {
  for (let index = Math.max(before.baseIndex, after.baseIndex) + 1; index <= before.lastIndex; index++) {
    const term = before.terms[index - before.baseIndex - 1];
    if (after.terms[index - after.baseIndex - 1] !== term) return index - 1;
  }
  return before.lastIndex;
}
