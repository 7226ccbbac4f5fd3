import type { Entry } from '../protocol/entry.ts';
import type { LogIndex, NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { AppendRequest, AppendResponse, CommitNotice, Heartbeat } from '../protocol/message.ts';
import { appendToLog, type Core, type Follower, truncateLog } from './core.ts';
import { becomeFollower, hasten, noteLeaderContact, reachesQuorum } from './election.ts';
import { isRepairing } from './repair.ts';

/** Whoever speaks as leader of the present term is it: candidates give way, followers take note. §5.2 */
export function acknowledgeLeader(core: Core, leaderId: NodeId): void {
  const { role } = core;
  invariant(role.kind !== 'leader', `${core.id} and ${leaderId} both lead term ${core.term}`);
  if (role.kind === 'follower' && role.leaderId === leaderId) noteLeaderContact(core, role);
  else becomeFollower(core, core.term, leaderId);
}

/** AppendEntries of the present term. Figure 2, "Receiver implementation" */
export function onAppendRequest(core: Core, request: AppendRequest): void {
  const { log } = core;
  // What is committed agrees with every later leader's log, so older appends need no look.
  if (request.prevLogIndex < log.commitIndex) {
    answerAppend(core, request.from, { kind: 'accepted', matchIndex: log.commitIndex });
    return;
  }
  if (log.termAt(request.prevLogIndex) !== request.prevLogTerm) {
    const hint = log.agreementBelow(request.prevLogIndex, request.prevLogTerm);
    answerAppend(core, request.from, {
      kind: 'rejected',
      rejectedIndex: request.prevLogIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    });
    return;
  }
  appendMissing(core, request.entries);
  const lastNew = (request.prevLogIndex + request.entries.length) as LogIndex;
  commitTo(core, Math.min(request.commitIndex, lastNew) as LogIndex);
  answerAppend(core, request.from, { kind: 'accepted', matchIndex: lastNew });
}

/** Cuts only at a real conflict: a delayed append must not erase what came after it. §5.3 */
function appendMissing(core: Core, entries: readonly Entry[]): void {
  const firstNew = entries.findIndex((entry) => core.log.termAt(entry.index) !== entry.term);
  if (firstNew < 0) return;
  const missing = firstNew === 0 ? entries : entries.slice(firstNew);
  const first = missing[0];
  if (first !== undefined && first.index <= core.log.lastIndex) truncateLog(core, first.index);
  appendToLog(core, missing);
}

function answerAppend(core: Core, to: NodeId, result: AppendResponse['result']): void {
  core.out.messagesOnceDurable.push({ type: 'append-response', from: core.id, to, term: core.term, result });
}

export function onHeartbeat(core: Core, heartbeat: Heartbeat): void {
  commitUnseen(core, heartbeat.commitIndex);
  core.out.messages.push({
    type: 'heartbeat-response',
    from: core.id,
    to: heartbeat.from,
    term: core.term,
    round: heartbeat.round,
    standing: core.config.standing,
  });
}

export function onCommitNotice(core: Core, notice: CommitNotice): void {
  commitUnseen(core, notice.commitIndex);
}

/**
 * The leader says so of what this node is known to hold. In a word that was on its way when the log was damaged, that
 * is what it held before; what it holds is found out by appends alone.
 */
function commitUnseen(core: Core, index: LogIndex): void {
  if (!isRepairing(core)) commitTo(core, index);
}

function commitTo(core: Core, index: LogIndex): void {
  if (index > core.log.commitIndex) core.log.commit(index);
}

/** A leader of an older term does not know yet that it was replaced: the answer's term tells it. §5.1 */
export function tellStaleLeader(core: Core, to: NodeId): void {
  answerAppend(core, to, {
    kind: 'rejected',
    rejectedIndex: 0 as LogIndex,
    hintIndex: 0 as LogIndex,
    hintTerm: core.log.lastTerm,
  });
}

/** The link to the leader is gone: no time-out is needed to suspect it. */
export function onFollowerLinkClosed(core: Core, follower: Follower, peer: NodeId): void {
  if (follower.leaderId !== peer || core.config.leaseReads) return;
  follower.leaderContactAt = undefined;
  hasten(core);
}

/** At a start nobody leads: as soon as a quorum is in reach, do not wait for a full time-out. */
export function onFollowerLinkOpened(core: Core, follower: Follower): void {
  if (follower.leaderId === undefined && reachesQuorum(core)) hasten(core);
}
