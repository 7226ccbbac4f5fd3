import { INDEX_ZERO, type Millis, type NodeId, type Term } from '../protocol/ids.ts';
import { isVoter } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { NodeStatus, PeerStatus } from './port.ts';

interface RoleView {
  readonly kind: Core['role']['kind'];
  readonly term: Term;
  readonly leaderId: NodeId | undefined;
}

/** Who leads as far as this node knows. */
export function leaderOf(core: Core): NodeId | undefined {
  if (core.role.kind === 'leader') return core.id;
  return core.role.kind === 'follower' ? core.role.leaderId : undefined;
}

export function roleView(core: Core): RoleView {
  return { kind: core.role.kind, term: core.term, leaderId: leaderOf(core) };
}

export function roleChanged(before: RoleView, core: Core): boolean {
  return before.kind !== core.role.kind || before.term !== core.term || before.leaderId !== leaderOf(core);
}

/** The part of a node's status that the core knows. */
export function statusOf(
  core: Core,
  now: Millis,
): Omit<NodeStatus, 'clusterId' | 'appliedIndex' | 'electionsWon' | 'snapshotBytes'> {
  return {
    id: core.id,
    role: publicRole(core),
    term: core.term,
    leaderId: leaderOf(core),
    leaderContactMs: leaderContactMs(core, now),
    commitIndex: core.log.commitIndex,
    lastIndex: core.log.lastIndex,
    snapshotIndex: core.snapshot?.index ?? INDEX_ZERO,
    firstIndex: core.log.firstIndex,
    configuration: core.membership,
    writeMs: core.durability.usualWriteMs,
    peers: peersOf(core, now),
    repairing:
      core.floor === undefined ? undefined : { from: core.durability.durableIndex, to: core.floor.index },
  };
}

function publicRole(core: Core): NodeStatus['role'] {
  if (core.role.kind === 'leader') return 'leader';
  if (core.role.kind === 'follower') return isVoter(core.membership, core.id) ? 'follower' : 'learner';
  return 'candidate';
}

function leaderContactMs(core: Core, now: Millis): Millis | undefined {
  if (core.role.kind !== 'follower' || core.role.leaderContactAt === undefined) return undefined;
  return Math.max(0, now - core.role.leaderContactAt);
}

function peersOf(core: Core, now: Millis): readonly PeerStatus[] {
  if (core.role.kind !== 'leader') return [];
  const { progress, contacts } = core.role;
  return [...progress].map(([id, known]) => {
    const contact = contacts.get(id);
    const since = (at: Millis | undefined): Millis => Math.max(0, now - (at ?? now));
    return {
      id,
      matchIndex: known.matchIndex,
      mode: known.mode,
      lag: core.log.lastIndex - known.matchIndex,
      inFlight: known.mode === 'replicate' ? known.inflight.length : 0,
      lastContactMs: contact === undefined ? undefined : since(contact.lastContactAt),
      beat: contact?.beat.round ?? 0,
      silentMs: since(contact?.beat.heardAt),
      aliveMs: since(contact?.beat.sentAt),
      roundTripMs: contact?.beat.roundTripMs,
      standing: contact?.standing,
    };
  });
}
