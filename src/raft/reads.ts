import type { Millis, NodeId } from '../protocol/ids.ts';
import type { ReadRequest, ReadResponse } from '../protocol/message.ts';
import { type Core, hasCommittedInTerm, type Leader } from './core.ts';
import type { ReadTrust } from './effects.ts';
import { quorumValue } from './quorum.ts';
import { broadcastHeartbeat } from './replication.ts';

interface ReadWanted {
  readonly context: number;
  readonly from: NodeId;
}

/** A read of this node's own: the leader confirms it, a follower asks its leader. Thesis §6.4 */
export function requestRead(core: Core, context: number, trust: ReadTrust): void {
  if (core.role.kind === 'leader') {
    const wanted = { context, from: core.id };
    if (trust === 'lease' && holdsLease(core, core.role, core.now))
      answer(core, wanted, core.log.commitIndex);
    else admitRead(core, core.role, wanted);
  } else if (core.role.kind === 'follower' && core.role.leaderId !== undefined) {
    const to = core.role.leaderId;
    core.out.messages.push({ type: 'read-request', from: core.id, to, term: core.term, context });
  } else {
    core.out.reads.push({ context, index: undefined });
  }
}

/** A follower asks. */
export function onReadRequest(core: Core, request: ReadRequest): void {
  const wanted = { context: request.context, from: request.from };
  if (core.role.kind === 'leader') admitRead(core, core.role, wanted);
  else answer(core, wanted, undefined);
}

/** The leader answered a read of ours. */
export function onReadResponse(core: Core, response: ReadResponse): void {
  core.out.reads.push({ context: response.context, index: response.index });
}

function admitRead(core: Core, leader: Leader, wanted: ReadWanted): void {
  // Before this term has committed, our commit index may lie behind what an earlier leader
  // acknowledged. §8
  if (!hasCommittedInTerm(core) || leader.reads.length >= core.config.maxPendingReads) {
    answer(core, wanted, undefined);
    return;
  }
  broadcastHeartbeat(core, leader);
  leader.reads.push({ ...wanted, round: leader.round, index: core.log.commitIndex });
  releaseReads(core, leader);
}

/**
 * True while nobody else can have been elected: a quorum has promised not to vote for an election timeout when
 * it heard this leader, and the clocks drift apart by no more than the margin. Thesis §6.4.1
 *
 * Not while a hand-over is under way, nor ever in a term in which one was: its target passes the promise.
 */
export function holdsLease(core: Readonly<Core>, leader: Leader, now: Millis): boolean {
  const { leaseReads, electionTimeoutMinMs, clockDriftPercent } = core.config;
  if (!leaseReads || leader.transfer !== undefined || leader.gaveAway || !hasCommittedInTerm(core))
    return false;
  const confirmedAt = quorumValue(core.membership, (id) =>
    id === core.id ? now : (leader.contacts.get(id)?.confirmedAt ?? Number.NEGATIVE_INFINITY),
  );
  return now < confirmedAt + electionTimeoutMinMs * (1 - clockDriftPercent / 100);
}

/** Releases every read whose round a quorum has answered: at that time nobody else led. */
export function releaseReads(core: Core, leader: Leader): void {
  if (leader.reads.length === 0) return;
  const confirmed = quorumValue(core.membership, (id) =>
    id === core.id ? Number.POSITIVE_INFINITY : (leader.contacts.get(id)?.answeredRound ?? 0),
  );
  while (leader.reads[0] !== undefined && leader.reads[0].round <= confirmed) {
    const read = leader.reads.shift();
    if (read !== undefined) answer(core, read, read.index);
  }
}

/** Whoever asked over a link that has closed has given up, or lives a new life. */
export function forgetReadsOf(leader: Leader, peer: NodeId): void {
  leader.reads = leader.reads.filter(({ from }) => from !== peer);
}

function answer(core: Core, wanted: ReadWanted, index: ReadResponse['index']): void {
  const { context, from } = wanted;
  if (from === core.id) core.out.reads.push({ context, index });
  else
    core.out.messages.push({
      type: 'read-response',
      from: core.id,
      to: from,
      term: core.term,
      context,
      index,
    });
}
