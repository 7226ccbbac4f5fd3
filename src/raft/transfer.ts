import type { NodeId } from '../protocol/ids.ts';
import type { HeartbeatResponse } from '../protocol/message.ts';
import { isVoter } from '../protocol/state.ts';
import type { Core, Leader } from './core.ts';
import { becomeFollower } from './election.ts';

/** Begins to hand leadership to `target`, or to the voter best placed to take it. Thesis §3.10 */
export function startTransfer(core: Core, leader: Leader, target: NodeId | undefined): void {
  if (leader.transfer !== undefined) {
    refuse(core, `a hand-over to ${leader.transfer.target} is under way`);
    return;
  }
  const chosen = target ?? bestSuccessor(core, leader);
  if (chosen === undefined) {
    refuse(core, 'there is no other voter that would stand for election');
  } else if (chosen === core.id || !core.membership.voters.includes(chosen) || !leader.progress.has(chosen)) {
    refuse(core, `${chosen} is not another voter of this swarm`);
  } else if (leader.contacts.get(chosen)?.standing === 'never') {
    refuse(core, `${chosen} never stands for election`);
  } else {
    leader.transfer = { target: chosen, deadline: core.now + core.config.electionTimeoutMaxMs, sent: false };
    advanceTransfer(core, leader);
  }
}

function refuse(core: Core, reason: string): void {
  core.out.transfer = { kind: 'refused', code: 'TRANSFER_FAILED', reason };
}

/** In reach before out of reach, eligible before last resort, then whoever holds most of the log. */
function bestSuccessor(core: Core, leader: Leader): NodeId | undefined {
  let best: { readonly id: NodeId; readonly merits: Merits } | undefined;
  for (const [id, { matchIndex }] of leader.progress) {
    const contact = leader.contacts.get(id);
    // A voter of the outgoing half would have to resign when the joint phase ends.
    if (contact === undefined || contact.standing === 'never' || !core.membership.voters.includes(id))
      continue;
    // Somebody who was heard lately takes over sooner than somebody with a longer log who is gone.
    const isInReach = core.now - contact.lastContactAt < core.config.electionTimeoutMinMs;
    const merits: Merits = [isInReach ? 1 : 0, contact.standing === 'last-resort' ? 0 : 1, matchIndex];
    if (best === undefined || outranks(merits, best.merits)) best = { id, merits };
  }
  return best?.id;
}

type Merits = readonly [reach: number, standing: number, matchIndex: number];

function outranks(left: Merits, right: Merits): boolean {
  const differs = left.findIndex((merit, at) => merit !== right[at]);
  return differs >= 0 && (left[differs] ?? 0) > (right[differs] ?? 0);
}

/** Sends `timeout-now` as soon as the target holds the whole log. */
export function advanceTransfer(core: Core, leader: Leader): void {
  const { transfer } = leader;
  if (transfer === undefined || transfer.sent) return;
  if (leader.progress.get(transfer.target)?.matchIndex !== core.log.lastIndex) return;
  transfer.sent = true;
  sendTimeoutNow(core, leader, transfer.target);
  core.out.transfer = { kind: 'handed-over', target: transfer.target };
}

function sendTimeoutNow(core: Core, leader: Leader, to: NodeId): void {
  leader.gaveAway = true;
  core.out.messages.push({ type: 'timeout-now', from: core.id, to, term: core.term });
}

/** Leads no longer, for a reason of its own, and asks whoever can to take over at once. */
export function resign(core: Core, leader: Leader): void {
  const successor = bestSuccessor(core, leader);
  const holdsAll =
    successor !== undefined && leader.progress.get(successor)?.matchIndex === core.log.lastIndex;
  if (holdsAll) sendTimeoutNow(core, leader, successor);
  becomeFollower(core, core.term, undefined);
}

/** The target is gone: stop waiting for it. */
export function onTransferLinkClosed(core: Core, leader: Leader, peer: NodeId): void {
  if (leader.transfer?.target !== peer) return;
  leader.transfer = undefined;
  core.out.transfer = { kind: 'failed', code: 'TRANSFER_FAILED', reason: `the link to ${peer} closed` };
}

/** A leader of last resort gives way to an eligible voter that has caught up. */
export function considerHandOver(core: Core, leader: Leader, response: HeartbeatResponse): void {
  if (core.config.standing === 'eligible' || response.standing !== 'eligible') return;
  if (leader.transfer !== undefined || core.now < leader.handOverNotBefore) return;
  const progress = leader.progress.get(response.from);
  if (progress?.mode !== 'replicate' || progress.matchIndex < core.log.commitIndex) return;
  if (!isVoter(core.membership, response.from)) return;
  leader.handOverNotBefore = core.now + core.config.electionTimeoutMaxMs;
  startTransfer(core, leader, response.from);
}
