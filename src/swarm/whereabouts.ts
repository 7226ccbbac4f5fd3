import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { findEndpoint } from './endpoint.ts';
import { memberIdOf } from './identity.ts';
import { type SwarmFolder, swarmFolder } from './layout.ts';
import { loadRoster, type Roster } from './roster.ts';

/** A node that has said in a folder of this machine where it is to be found. It may be gone all the same. */
export interface Whereabouts {
  /** What the folder calls it. */
  readonly name: NodeId;
  readonly memberId: NodeId;
  readonly url: string;
}

/** Those of the folder itself. */
export function whereaboutsIn(folder: SwarmFolder): readonly Whereabouts[] {
  return publishedIn(folder, loadRoster(folder));
}

/** One of them: under its name, or under what it was named when it came back without its data. */
export function whereaboutsOf(folder: SwarmFolder, memberId: NodeId): Whereabouts | undefined {
  const roster = loadRoster(folder);
  const nodes = roster.nodes.filter(({ id }) => memberId === id || memberId.startsWith(`${id}.`));
  const isIt = (one: Whereabouts): boolean => one.memberId === memberId;
  return publishedIn(folder, { ...roster, nodes }).find(isIt) ?? whereaboutsBeside(folder).find(isIt);
}

/**
 * Those of the swarm on this machine that an instance of `folder` has joined: when all of it is started anew, none of
 * the addresses that the instance knows is right any more.
 */
export function whereaboutsBeside(folder: SwarmFolder): readonly Whereabouts[] {
  const { beside, clusterId } = loadRoster(folder);
  if (beside === undefined) return [];
  const there = swarmFolder(beside);
  try {
    const roster = loadRoster(there);
    return roster.clusterId === clusterId ? publishedIn(there, roster) : [];
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return [];
    throw error;
  }
}

function publishedIn(folder: SwarmFolder, { nodes }: Roster): readonly Whereabouts[] {
  return nodes.flatMap(({ id }) => {
    const name = id as NodeId;
    const url = findEndpoint(folder, name)?.url;
    return url === undefined ? [] : { name, memberId: memberIdOf(folder, name), url };
  });
}
