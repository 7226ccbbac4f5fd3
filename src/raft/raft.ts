import type { Millis } from '../protocol/ids.ts';
import { unreachable } from '../protocol/invariant.ts';
import type { Message } from '../protocol/message.ts';
import { loseRound, onOwnVoteDurable, onTimeoutNow, onVoteResponse, startPreVote } from './candidate.ts';
import { changeMembership, tendMembership } from './change.ts';
import { type Core, type CoreOptions, createCore, noteDurable, takeEffects } from './core.ts';
import type { Effects, Event } from './effects.ts';
import {
  answerVoteRequest,
  becomeFollower,
  electionDeadline,
  givesWay,
  hasten,
  isLeaderProtected,
  reachesQuorum,
  refuseStaleVote,
  shiftRank,
} from './election.ts';
import {
  acknowledgeLeader,
  onAppendRequest,
  onCommitNotice,
  onFollowerLinkClosed,
  onFollowerLinkOpened,
  onHeartbeat,
  tellStaleLeader,
} from './follower.ts';
import {
  leaderDeadline,
  onAppendResponse,
  onHeartbeatResponse,
  onLeaderDurable,
  onLeaderLinkClosed,
  onLeaderLinkOpened,
  onLeaderTick,
  onSnapshotAnswer,
  propose,
} from './leader.ts';
import { onReadRequest, onReadResponse, requestRead } from './reads.ts';
import { considerRepaired } from './repair.ts';
import { onSnapshotReceived, onSnapshotSaved } from './snapshot.ts';
import { startTransfer } from './transfer.ts';

/** A node's consensus as a machine without clock, disk or network. */
export interface Raft {
  /** The whole state, for status and for checks. Read it; only `step` writes. */
  readonly core: Core;
  /**
   * Takes in one event at time `now` (never earlier than the last) and says what must be done.
   *
   * @throws InvariantError when a promise of the algorithm is broken: the node must stop.
   */
  step(event: Event, now: Millis): Effects;
  /** When the next `tick` is due; Infinity while nothing is waited for. Moves with every step. */
  deadline(): Millis;
}

/** A node as it comes up: a follower that knows no leader, with what its disk recovered. §5.2 */
export function createRaft(options: CoreOptions): Raft {
  const core = createCore(options);
  considerRepaired(core);
  becomeFollower(core, core.term, undefined);
  if (reachesQuorum(core)) hasten(core);
  return {
    core,
    step(event, now) {
      core.now = Math.max(core.now, now);
      take(core, event);
      if (core.role.kind === 'leader') tendMembership(core, core.role);
      return takeEffects(core);
    },
    deadline: () => nextDeadline(core),
  };
}

function take(core: Core, event: Event): void {
  switch (event.type) {
    case 'tick':
      return onTick(core);
    case 'message':
      return onMessage(core, event.message);
    case 'propose':
      if (core.role.kind === 'leader') propose(core, core.role, event.commands);
      else core.out.proposal = { kind: 'refused', code: 'NOT_LEADER' };
      return;
    case 'read':
      return requestRead(core, event.context, event.trust);
    case 'change-membership':
      if (core.role.kind === 'leader') changeMembership(core, core.role, event.changes);
      else core.out.membership = { kind: 'refused', code: 'NOT_LEADER', reason: `${core.id} does not lead` };
      return;
    case 'shift-rank':
      return shiftRank(core, event.shift);
    case 'snapshot-saved':
      return onSnapshotSaved(core, event.snapshot);
    case 'snapshot-received':
      return onSnapshotReceived(core, event.snapshot);
    case 'transfer':
      if (core.role.kind === 'leader') startTransfer(core, core.role, event.target);
      else core.out.transfer = { kind: 'refused', code: 'NOT_LEADER', reason: `${core.id} does not lead` };
      return;
    case 'durable':
      noteDurable(core, event.sequence);
      considerRepaired(core);
      if (core.role.kind === 'leader') onLeaderDurable(core, core.role);
      else if (core.role.kind === 'candidate') onOwnVoteDurable(core, core.role);
      return;
    case 'link-opened':
      core.openLinks.add(event.peer);
      if (core.role.kind === 'leader') onLeaderLinkOpened(core, core.role, event.peer);
      if (core.role.kind === 'follower') onFollowerLinkOpened(core, core.role);
      return;
    case 'link-closed':
      core.openLinks.delete(event.peer);
      if (core.role.kind === 'leader') onLeaderLinkClosed(core, core.role, event.peer);
      if (core.role.kind === 'follower') onFollowerLinkClosed(core, core.role, event.peer);
      return;
    default:
      return unreachable(event);
  }
}

function onTick(core: Core): void {
  const { role } = core;
  if (role.kind === 'leader') onLeaderTick(core, role);
  else if (role.kind === 'follower') {
    if (core.now >= electionDeadline(core, role) && !givesWay(core, role)) startPreVote(core);
  } else if (core.now >= role.roundDeadline) loseRound(core);
}

function nextDeadline(core: Core): Millis {
  const { role } = core;
  if (role.kind === 'leader') return leaderDeadline(core, role);
  return role.kind === 'follower' ? electionDeadline(core, role) : role.roundDeadline;
}

/** Terms first (Figure 2, "Rules for servers"), then what the message says. */
function onMessage(core: Core, message: Message): void {
  if (message.term < core.term) return onStaleMessage(core, message);
  if (message.term > core.term && !admitNewerTerm(core, message)) return;
  onCurrentMessage(core, message);
}

const STALE_LEADERS_WORDS: ReadonlySet<Message['type']> = new Set([
  'append-request',
  'heartbeat',
  'snapshot-chunk',
]);

/** An older term gets no hearing, but whoever waits for an answer learns of the present one. §5.1 */
function onStaleMessage(core: Core, message: Message): void {
  if (STALE_LEADERS_WORDS.has(message.type)) tellStaleLeader(core, message.from);
  if (message.type === 'vote-request' || message.type === 'pre-vote-request') refuseStaleVote(core, message);
}

/** Moves on to a newer term where the message is a reason to. Returns whether it is to be heard. */
function admitNewerTerm(core: Core, message: Message): boolean {
  switch (message.type) {
    case 'pre-vote-request':
      return !isLeaderProtected(core, message);
    case 'vote-request':
      if (isLeaderProtected(core, message)) return false;
      becomeFollower(core, message.term, undefined);
      return true;
    case 'pre-vote-response':
      // A grant carries the term that was asked for, in which nobody is yet.
      if (message.granted) return message.term === core.term + 1;
      becomeFollower(core, message.term, undefined);
      return false;
    case 'append-request':
    case 'heartbeat':
    case 'commit-notice':
    case 'snapshot-chunk':
      becomeFollower(core, message.term, message.from);
      return true;
    default:
      becomeFollower(core, message.term, undefined);
      return true;
  }
}

function onCurrentMessage(core: Core, message: Message): void {
  const { role } = core;
  switch (message.type) {
    case 'vote-request':
    case 'pre-vote-request':
      return answerVoteRequest(core, message);
    case 'vote-response':
    case 'pre-vote-response':
      if (role.kind === 'candidate' || role.kind === 'pre-candidate') onVoteResponse(core, role, message);
      return;
    case 'append-request':
      acknowledgeLeader(core, message.from);
      return onAppendRequest(core, message);
    case 'heartbeat':
      acknowledgeLeader(core, message.from);
      return onHeartbeat(core, message);
    case 'commit-notice':
      acknowledgeLeader(core, message.from);
      return onCommitNotice(core, message);
    case 'snapshot-chunk':
      // The runtime keeps the bytes; a leader that sends them is there.
      return acknowledgeLeader(core, message.from);
    case 'snapshot-answer':
      if (role.kind === 'leader') onSnapshotAnswer(core, role, message);
      return;
    case 'append-response':
      if (role.kind === 'leader') onAppendResponse(core, role, message);
      return;
    case 'heartbeat-response':
      if (role.kind === 'leader') onHeartbeatResponse(core, role, message);
      return;
    case 'read-request':
      return onReadRequest(core, message);
    case 'read-response':
      return onReadResponse(core, message);
    case 'timeout-now':
      return onTimeoutNow(core, message);
    case 'proposal-forward':
    case 'proposal-receipt':
    case 'proposal-refusal':
      // The runtime's own: they carry commands, not consensus.
      return;
    default:
      return unreachable(message);
  }
}
