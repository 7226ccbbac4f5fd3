import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { type Configuration, isVoter, majority, members } from '../protocol/state.ts';
import { type MembershipChange, MembershipError, nextConfiguration } from '../raft/membership.ts';
import type { Census, NodeJson } from './census.ts';

export type { MembershipChange };

/** What a person asks for, in one command. */
export type Wish =
  | { readonly kind: 'add' | 'promote' | 'demote' | 'remove'; readonly ids: readonly string[] }
  | { readonly kind: 'replace'; readonly former: string; readonly next: string };

/** Entries that a learner may lack and still be made a voter without being forced. */
const MAX_PROMOTION_LAG = 1_000;

/**
 * What has to change for a wish, all of it in one step; nothing when everything is so already.
 *
 * @throws SwarmError UNKNOWN_NODE, UNKNOWN_MEMBER.
 */
export function changesFor(wish: Wish, census: Census): readonly MembershipChange[] {
  const { configuration } = census;
  if (wish.kind !== 'replace') {
    const ids = wish.ids.map((id) => known(id, census));
    return ids.flatMap((id) => changeFor(wish.kind, id, configuration) ?? []);
  }
  const former = known(wish.former, census);
  const next = known(wish.next, census);
  if (!members(configuration).includes(former)) {
    if (members(configuration).includes(next)) return [];
    throw new SwarmError('UNKNOWN_MEMBER', `${former} is no member now, so there is no place to take`);
  }
  const type = isVoter(configuration, former) ? 'add-voter' : 'add-learner';
  const leaves = { type: 'remove', id: former } as const;
  return hasPart(configuration, next, type) ? [leaves] : [{ type, id: next }, leaves];
}

/** It is already what `type` would make of it. */
function hasPart(
  { voters, learners }: Configuration,
  id: NodeId,
  type: 'add-voter' | 'add-learner',
): boolean {
  return (type === 'add-voter' ? voters : learners).includes(id);
}

function changeFor(
  kind: Exclude<Wish['kind'], 'replace'>,
  id: NodeId,
  configuration: Configuration,
): MembershipChange | undefined {
  const isMember = members(configuration).includes(id);
  switch (kind) {
    case 'add':
      return isMember ? undefined : { type: 'add-learner', id };
    case 'remove':
      return isMember ? { type: 'remove', id } : undefined;
    case 'promote':
    case 'demote': {
      if (!isMember) {
        const message = `${id} is no member now; let it in first: raft-manager members add ${id}`;
        throw new SwarmError('UNKNOWN_MEMBER', message);
      }
      const type = kind === 'promote' ? 'add-voter' : 'add-learner';
      return hasPart(configuration, id, type) ? undefined : { type, id };
    }
  }
}

/** @throws SwarmError UNKNOWN_NODE naming the nodes that there are. */
function known(id: string, { nodes }: Census): NodeId {
  if (nodes.some((node) => node.id === id)) return id as NodeId;
  const ids = nodes.map((node) => node.id).join(', ');
  throw new SwarmError('UNKNOWN_NODE', `there is no node ${id}; there are ${ids}`);
}

/**
 * Looks at what a change would make of the swarm as it is just now.
 *
 * @throws SwarmError UNSAFE_CHANGE saying what would be lost, and what to do about it; CHANGE_IN_FLIGHT,
 *   NO_VOTERS_LEFT as the coordinator would.
 */
export function checkDanger(changes: readonly MembershipChange[], census: Census): void {
  const { configuration, nodes } = census;
  const next = nextConfiguration(configuration, changes);
  if (next instanceof MembershipError) throw sayAsCoordinator(next);
  for (const node of nodes) {
    const id = node.id as NodeId;
    if (isVoter(next, id) && !isVoter(configuration, id)) checkNewVoter(node);
  }
  const isUp = (id: NodeId): boolean => nodes.some((node) => node.id === id && node.role !== 'down');
  const down = next.voters.filter((id) => !isUp(id));
  const needed = majority(next.voters.length);
  if (next.voters.length - down.length >= needed) return;
  throw new SwarmError(
    'UNSAFE_CHANGE',
    `${next.voters.length} voters would be left, of whom ${needed} must be up, and down are ${down.join(', ')}: nothing could be decided. Start them first, or use --force`,
  );
}

function checkNewVoter({ id, role, lag, progress }: NodeJson): void {
  if (role === 'down') {
    throw new SwarmError(
      'UNSAFE_CHANGE',
      `${id} is down, and could not vote. Start it first, or use --force`,
    );
  }
  const lacking = progress?.lag ?? lag;
  if (lacking <= MAX_PROMOTION_LAG) return;
  throw new SwarmError(
    'UNSAFE_CHANGE',
    `${id} lags ${lacking} entries behind, and would hold up every decision. Wait until it has caught up (at most ${MAX_PROMOTION_LAG}), or use --force`,
  );
}

/** The coordinator's own word for it. */
function sayAsCoordinator({ code, message }: MembershipError): SwarmError {
  return new SwarmError(code === 'JOINT_PHASE' ? 'CHANGE_IN_FLIGHT' : code, message);
}
