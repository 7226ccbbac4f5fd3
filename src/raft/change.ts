import { encodeConfiguration } from '../protocol/configuration-codec.ts';
import type { LogIndex, Millis, NodeId } from '../protocol/ids.ts';
import { type Configuration, isJoint, members } from '../protocol/state.ts';
import { type Core, hasCommittedInTerm, type Leader, type PeerContact } from './core.ts';
import { leaveJoint, type MembershipChange, MembershipError, nextConfiguration } from './membership.ts';
import { initialProgress } from './progress.ts';
import { appendAsLeader } from './replication.ts';
import { resign } from './transfer.ts';

/** Takes a change of membership into the log, or says why not. One is under way at a time. §6, thesis §4.1 */
export function changeMembership(core: Core, leader: Leader, changes: readonly MembershipChange[]): void {
  const obstacle = obstacleTo(core, leader);
  if (obstacle !== undefined) {
    core.out.membership = { kind: 'refused', ...obstacle };
    return;
  }
  const next = nextConfiguration(core.membership, changes);
  if (next instanceof MembershipError) {
    core.out.membership = { kind: 'refused', code: next.code, reason: next.message };
  } else if (isSame(core.membership, next)) {
    core.out.membership = { kind: 'unchanged', configuration: next };
  } else {
    const index = appendConfiguration(core, leader, next);
    core.out.membership = { kind: 'appended', index, configuration: next };
  }
}

function obstacleTo(core: Core, leader: Leader) {
  if (leader.transfer !== undefined) {
    return { code: 'TRANSFER_IN_PROGRESS', reason: 'leadership is being handed over' } as const;
  }
  // Before that, a change of an earlier leader may be on its way that this one has never seen, and the two
  // would share no majority (Ongaro, raft-dev 2015).
  if (!hasCommittedInTerm(core)) {
    return { code: 'NOT_READY', reason: `term ${core.term} has not committed anything yet` } as const;
  }
  if (isInFlight(core) || isJoint(core.membership)) {
    return { code: 'CHANGE_IN_FLIGHT', reason: 'another change of membership is not over yet' } as const;
  }
  return undefined;
}

function isInFlight(core: Core): boolean {
  return core.configurations.latestIndex > core.log.commitIndex;
}

function appendConfiguration(core: Core, leader: Leader, next: Configuration): LogIndex {
  const index = (core.log.lastIndex + 1) as LogIndex;
  // Newcomers first: the entry that brings them in goes to them as well.
  enlist(core, leader, next);
  appendAsLeader(core, leader, [{ index, term: core.term, kind: 'config', data: encodeConfiguration(next) }]);
  return index;
}

/** Begins to keep book of every member of `config` that is not known yet. */
export function enlist(core: Core, leader: Leader, config: Configuration): void {
  for (const id of members(config)) {
    leader.leaving.delete(id);
    if (id === core.id || leader.progress.has(id)) continue;
    leader.progress.set(id, initialProgress(core.log.lastIndex));
    leader.contacts.set(id, initialContact(core));
  }
}

/** As if heard just now: a quorum has voted, and check-quorum needs somewhere to count from. */
function initialContact(core: Core): PeerContact {
  return {
    lastContactAt: core.now,
    answeredRound: 0,
    confirmedAt: Number.NEGATIVE_INFINITY,
    beat: { round: 0, heardAt: core.now, sentAt: core.now, roundTripMs: undefined },
    standing: undefined,
    toldCommit: 0 as LogIndex,
  };
}

/**
 * What a committed configuration asks of its leader: to leave the joint phase, once; to let go of those who
 * are no members any more; to resign if it is one of them. At the end of every step.
 */
export function tendMembership(core: Core, leader: Leader): void {
  const config = core.membership;
  if (config === leader.tended) return;
  for (const [peer, until] of leader.leaving) if (core.now >= until) forget(leader, peer);
  if (isInFlight(core)) return;
  if (!isJoint(config)) {
    bidFarewell(core, leader, config);
    if (!config.voters.includes(core.id)) resign(core, leader);
    else if (leader.leaving.size === 0) leader.tended = config;
  } else if (config.autoLeave && hasCommittedInTerm(core)) {
    const next = leaveJoint(config);
    if (!(next instanceof MembershipError)) appendConfiguration(core, leader, next);
  }
}

/** Who was removed is told until it knows, or for an election timeout; nobody waits for it. */
function bidFarewell(core: Core, leader: Leader, config: Configuration): void {
  const staying = new Set(members(config));
  for (const peer of leader.progress.keys()) {
    if (staying.has(peer)) continue;
    const until = leader.leaving.get(peer) ?? core.now + core.config.electionTimeoutMaxMs;
    if (isTold(core, leader, peer) || core.now >= until) forget(leader, peer);
    else leader.leaving.set(peer, until);
  }
}

/** Whoever holds the configuration and knows it committed has no reason left to stand for election. */
function isTold(core: Core, leader: Leader, peer: NodeId): boolean {
  const at = core.configurations.latestIndex;
  const told = leader.contacts.get(peer)?.toldCommit ?? 0;
  return told >= at && (leader.progress.get(peer)?.matchIndex ?? 0) >= at;
}

function forget(leader: Leader, peer: NodeId): void {
  leader.progress.delete(peer);
  leader.contacts.delete(peer);
  leader.leaving.delete(peer);
}

/** When somebody who does not answer is let go of. */
export function farewellDeadline(leader: Leader): Millis {
  return Math.min(Number.POSITIVE_INFINITY, ...leader.leaving.values());
}

function isSame(left: Configuration, right: Configuration): boolean {
  return hasSame(left.voters, right.voters) && hasSame(left.learners, right.learners);
}

function hasSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((id) => right.includes(id));
}
