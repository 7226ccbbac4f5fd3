import { holderOf } from '../storage/folder-lock.ts';
import type { Subagent } from '../swarm/claude-session.ts';
import type { NodeTalk } from './node-link.ts';
import { briefFor, type Session } from './session.ts';

/**
 * Hands back every task and reservation that is held under these names. Returns the index of the log at which it
 * looked.
 */
export async function giveBack(node: NodeTalk, holders: readonly string[], reason: string): Promise<number> {
  const { held, reservations, appliedIndex } = await briefFor(node, holders);
  const ours = reservations.filter(({ holder }) => holders.includes(holder));
  // What ran out or was given back by others meanwhile is refused, and that is all right.
  await Promise.allSettled([
    ...held.map(({ id, fence }) => node.propose({ kind: 'release', taskId: id, fence, reason })),
    ...ours.map(({ id, fence }) => node.propose({ kind: 'release-reservation', reservationId: id, fence })),
  ]);
  return appliedIndex;
}

/** Takes subagents out of the book of members, where nobody hosts them who would do so. */
export async function retireUnhosted(
  node: NodeTalk,
  { folder }: Session,
  subagents: readonly Subagent[],
): Promise<void> {
  if (holderOf(folder.root) !== undefined) return;
  const ids = subagents.flatMap(({ memberId }) => memberId ?? []);
  await Promise.all(ids.map((memberId) => node.propose({ kind: 'retire', memberId })));
}
