import type { Millis, NodeId, Term } from '../protocol/ids.ts';
import type { VoteRequest } from '../protocol/message.ts';
import { isVoter } from '../protocol/state.ts';
import { type Core, castVote, enterTerm, type Follower, writeLatency } from './core.ts';
import { voteResult } from './quorum.ts';
import { isRepairing } from './repair.ts';
import { electionPatience, lastResortDelay, rankDelay } from './timeouts.ts';

/** Follows `leaderId` (or nobody known) in `term`, which may be the present one. §5.1 */
export function becomeFollower(core: Core, term: Term, leaderId: NodeId | undefined): void {
  if (term > core.term) enterTerm(core, term);
  dropLeadership(core);
  const before = core.role;
  core.role = followerRole(core, leaderId);
  if (leaderId !== undefined) noteLeaderContact(core, core.role);
  else if (before.kind === 'follower' && Number.isFinite(before.electionDeadline))
    keepTurn(core.role, before);
}

/** A newer term alone gives nobody more time: only a vote and a leader's word do, or whoever can win waits for ever. §5.2 */
function keepTurn(follower: Follower, before: Follower): void {
  follower.patienceMs = before.patienceMs;
  follower.electionDeadline = before.electionDeadline;
  follower.gaveWay = before.gaveWay;
}

/** A fresh follower, as at the start of a node. */
function followerRole(core: Core, leaderId: NodeId | undefined): Follower {
  const patienceMs = electionPatience(core);
  return {
    kind: 'follower',
    leaderId,
    leaderContactAt: undefined,
    patienceMs,
    electionDeadline: core.now + patienceMs,
    gaveWay: false,
  };
}

/** Reads that wait for a quorum's word are refused: only a leader may answer them. */
function dropLeadership(core: Core): void {
  if (core.role.kind !== 'leader') return;
  for (const read of core.role.reads) {
    if (read.from === core.id) core.out.reads.push({ context: read.context, index: undefined });
  }
  if (core.role.transfer !== undefined && !core.role.transfer.sent) {
    core.out.transfer = {
      kind: 'failed',
      code: 'TRANSFER_FAILED',
      reason: 'leadership was lost while the target caught up',
    };
  }
}

/** The leader has spoken: silence is counted afresh, and lost rounds are forgotten. */
export function noteLeaderContact(core: Core, follower: Follower): void {
  if (core.hasty || core.hasStood || core.lostRounds > 0) {
    core.hasty = false;
    core.hasStood = false;
    core.lostRounds = 0;
    follower.patienceMs = electionPatience(core);
  }
  follower.leaderContactAt = core.now;
  if (follower.leaderId !== undefined) core.promised = { leaderId: follower.leaderId, at: core.now };
  follower.electionDeadline = core.now + follower.patienceMs;
}

/**
 * True while a live leader must not be disturbed: votes are refused unseen. §6 (end), thesis §4.2.3
 *
 * The leader itself may ask (it is none any more then), and so may whoever it handed over to.
 */
export function isLeaderProtected(core: Core, request: VoteRequest): boolean {
  if (request.transfer) return false;
  if (keepsPromise(core, request)) return true;
  if (core.role.kind === 'leader') return true;
  if (core.role.kind !== 'follower') return false;
  const { leaderId, leaderContactAt } = core.role;
  if (leaderId === undefined || leaderId === request.from || leaderContactAt === undefined) return false;
  return core.now - leaderContactAt < core.config.electionTimeoutMinMs;
}

/**
 * True while a leader may count on this node's promise for its lease. It outlives the leader's term here: a
 * newer one, of whatever message, takes nothing back that was promised. Thesis §6.4.1
 */
function keepsPromise({ config, promised, now }: Core, { from, transfer }: VoteRequest): boolean {
  if (!config.leaseReads || transfer || promised.leaderId === from) return false;
  return now - promised.at < config.electionTimeoutMinMs;
}

/**
 * Answers a vote or a pre-vote of the present term or, for a pre-vote, of one to come. A pre-vote
 * changes nothing here: neither term nor vote nor the time of last contact.
 */
export function answerVoteRequest(core: Core, request: VoteRequest): void {
  const { lastLogTerm, lastLogIndex } = request;
  const upToDate =
    core.log.isUpToDate(lastLogTerm, lastLogIndex) && !keepsPromise(core, request) && !isRepairing(core);
  if (request.type === 'pre-vote-request') {
    const granted = upToDate && request.term > core.term;
    core.out.messagesOnceDurable.push({
      type: 'pre-vote-response',
      from: core.id,
      to: request.from,
      term: granted ? request.term : core.term,
      granted,
    });
    return;
  }
  const granted = upToDate && isFreeToVote(core, request.from);
  if (granted) {
    castVote(core, request.from);
    // §5.2: granting a vote counts as hearing from somebody; give the candidate its time. A hasty
    // patience would end before this vote is on two disks, and start a rival round.
    const patienceMs = core.hasty ? core.config.hastyRoundMs : 0;
    if (core.role.kind === 'follower') {
      core.role.electionDeadline = core.now + Math.max(patienceMs, core.role.patienceMs);
    }
  }
  core.out.messagesOnceDurable.push({
    type: 'vote-response',
    from: core.id,
    to: request.from,
    term: core.term,
    granted,
  });
}

/** §5.2: first come, first served; and nobody is elected beside a leader of this very term. */
function isFreeToVote(core: Core, candidate: NodeId): boolean {
  if (core.votedFor !== undefined) return core.votedFor === candidate;
  return core.role.kind !== 'leader' && !(core.role.kind === 'follower' && core.role.leaderId !== undefined);
}

/** Refuses a request of an older term and tells the present one. §5.1 */
export function refuseStaleVote(core: Core, request: VoteRequest): void {
  core.out.messagesOnceDurable.push({
    type: request.type === 'vote-request' ? 'vote-response' : 'pre-vote-response',
    from: core.id,
    to: request.from,
    term: core.term,
    granted: false,
  });
}

/** The wait under way is as if it had been drawn with the new rank: the next election may be far off. */
export function shiftRank(core: Core, shift: number): void {
  const before = rankDelay(core);
  core.rankShift = shift;
  if (core.role.kind !== 'follower') return;
  const moreMs = rankDelay(core) - before;
  core.role.patienceMs += moreMs;
  core.role.electionDeadline += moreMs;
}

/**
 * Silence is certain (a closed link, a start with a quorum in reach): stand soon instead of after a
 * full time-out. Pre-vote and leader protection still decide, so this weakens nothing.
 */
export function hasten(core: Core): void {
  if (core.role.kind !== 'follower' || !mayStand(core)) return;
  // A closed link says nothing of the leader's lease.
  if (core.config.leaseReads) return;
  core.hasty = true;
  core.lostRounds = 0;
  core.role.patienceMs = electionPatience(core);
  core.role.electionDeadline = Math.min(core.role.electionDeadline, core.now + core.role.patienceMs);
}

/**
 * A node whose disk takes longer than an election could still win pre-votes, but never in time the votes
 * behind them, and meanwhile keep others from standing (hashicorp/raft 503). It lets one turn pass.
 */
export function givesWay(core: Core, follower: Follower): boolean {
  if (follower.gaveWay || writeLatency(core) < core.config.electionTimeoutMinMs) return false;
  follower.gaveWay = true;
  follower.electionDeadline = core.now + lastResortDelay(core.config);
  return true;
}

/** True when this node and the peers its links reach could elect a leader. */
export function reachesQuorum(core: Core): boolean {
  const reachable = new Map<NodeId, boolean>([[core.id, true]]);
  for (const peer of core.openLinks) reachable.set(peer, true);
  return voteResult(core.membership, reachable) === 'won';
}

/**
 * True for a voter whose log is all there; and for one that a change removes or demotes as long as it does not know that to be
 * committed: it may be the only one that holds the change, and then nobody else can be elected. Thesis §4.2.2
 */
export function mayStand(core: Core): boolean {
  const { id, membership, configurations, log } = core;
  if (isRepairing(core)) return false;
  if (isVoter(membership, id)) return true;
  return configurations.since(log.commitIndex).some((config) => isVoter(config, id));
}

/** When a node in `role` wants to be woken to stand for election; Infinity for learners. */
export function electionDeadline(core: Core, follower: Follower): Millis {
  return mayStand(core) ? follower.electionDeadline : Number.POSITIVE_INFINITY;
}
