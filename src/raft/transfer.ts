import type { NodeId } from '../protocol/ids.ts';
import type { HeartbeatResponse } from '../protocol/message.ts';
import { isVoter } from '../protocol/state.ts';
import type { Core, Leader } from './core.ts';

/** Begins to hand leadership to `target`, or to the voter that has caught up furthest. Thesis §3.10 */
export function startTransfer(core: Core, leader: Leader, target: NodeId | undefined): void {
  if (leader.transfer !== undefined) {
    refuse(core, `a hand-over to ${leader.transfer.target} is under way`);
    return;
  }
  const chosen = target ?? mostCaughtUpVoter(core, leader);
  if (chosen === undefined) {
    refuse(core, 'there is no other voter');
  } else if (chosen === core.id || !isVoter(core.membership, chosen) || !leader.progress.has(chosen)) {
    refuse(core, `${chosen} is not another voter of this swarm`);
  } else {
    leader.transfer = { target: chosen, deadline: core.now + core.config.electionTimeoutMaxMs, sent: false };
    advanceTransfer(core, leader);
  }
}

function refuse(core: Core, reason: string): void {
  core.out.transfer = { kind: 'refused', code: 'TRANSFER_FAILED', reason };
}

function mostCaughtUpVoter(core: Core, leader: Leader): NodeId | undefined {
  let best: NodeId | undefined;
  let bestRank = -1;
  for (const [id, progress] of leader.progress) {
    if (!isVoter(core.membership, id)) continue;
    // Somebody who was heard lately takes over sooner than somebody with a longer log who is gone.
    const contact = leader.contacts.get(id);
    const alive =
      contact !== undefined && core.now - contact.lastContactAt < core.config.electionTimeoutMinMs;
    const rank = progress.matchIndex + (alive ? Number.MAX_SAFE_INTEGER / 2 : 0);
    if (rank > bestRank) {
      best = id;
      bestRank = rank;
    }
  }
  return best;
}

/** Sends `timeout-now` as soon as the target holds the whole log. */
export function advanceTransfer(core: Core, leader: Leader): void {
  const { transfer } = leader;
  if (transfer === undefined || transfer.sent) return;
  if (leader.progress.get(transfer.target)?.matchIndex !== core.log.lastIndex) return;
  transfer.sent = true;
  core.out.messages.push({ type: 'timeout-now', from: core.id, to: transfer.target, term: core.term });
  core.out.transfer = { kind: 'handed-over', target: transfer.target };
}

/** The target is gone: stop waiting for it. */
export function onTransferLinkClosed(core: Core, leader: Leader, peer: NodeId): void {
  if (leader.transfer?.target !== peer) return;
  leader.transfer = undefined;
  refuse(core, `the link to ${peer} closed`);
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
