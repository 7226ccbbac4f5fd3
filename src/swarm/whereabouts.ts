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

/**
 * Those of the swarm on this machine that an instance of `folder` has joined: when all of it is started anew, none of
 * the addresses that the instance knows is right any more.
 */
export function whereaboutsBeside(folder: SwarmFolder): readonly Whereabouts[] {
  return placesBeside(loadRoster(folder)).flatMap((place) => publishedIn(...place));
}

/** A member of either: under its name, or under what it was named when it came back without its data. */
export function whereaboutsOf(folder: SwarmFolder, memberId: NodeId): Whereabouts | undefined {
  const roster = loadRoster(folder);
  const mayBeIt = ({ id }: { readonly id: string }): boolean =>
    memberId === id || memberId.startsWith(`${id}.`);
  for (const [place, { nodes }] of [[folder, roster] as const, ...placesBeside(roster)]) {
    const found = publishedIn(place, { nodes: nodes.filter(mayBeIt) }).find(
      (one) => one.memberId === memberId,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

type Place = readonly [folder: SwarmFolder, roster: Roster];

/** None or one. */
function placesBeside({ beside, clusterId }: Roster): readonly Place[] {
  if (beside === undefined) return [];
  const there = swarmFolder(beside);
  try {
    const roster = loadRoster(there);
    return roster.clusterId === clusterId ? [[there, roster]] : [];
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return [];
    throw error;
  }
}

function publishedIn(folder: SwarmFolder, { nodes }: Pick<Roster, 'nodes'>): readonly Whereabouts[] {
  return nodes.flatMap(({ id }) => {
    const name = id as NodeId;
    const url = findEndpoint(folder, name)?.url;
    return url === undefined ? [] : { name, memberId: memberIdOf(folder, name), url };
  });
}
