import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { majority } from '../../protocol/state.ts';
import { standingOf } from '../identity.ts';
import type { SwarmFolder } from '../layout.ts';
import type { Roster } from '../roster.ts';
import { type Finding, wrong } from './finding.ts';

/** Whoever lost its data is let in again by a majority. Where that is gone, too, nobody comes back by himself. */
export function checkMajority(folder: SwarmFolder, roster: Roster): readonly Finding[] {
  if (roster.seeds !== undefined) return [];
  const voters = roster.nodes.filter(({ voter }) => voter).map(({ id }) => id as NodeId);
  const gone = voters.filter((name) => hasLostItsData(folder, name));
  if (voters.length - gone.length >= majority(voters.length)) return [];
  const what = `the data of ${gone.join(', ')} are gone, and no majority of this machine’s voters (${voters.length}) is left: unless members elsewhere are one, nothing can be decided`;
  const advice =
    'bring the data back if that is possible; if not, "raft-manager recover" says what may be lost, and how to go on with what is left';
  return [wrong({ about: 'majority', path: folder.root, what, advice })];
}

function hasLostItsData(folder: SwarmFolder, name: NodeId): boolean {
  try {
    return standingOf(folder, name, { isFounder: true }).kind === 'forgotten';
  } catch (error) {
    // An identity that cannot be read is told with its instance.
    if (!(error instanceof SwarmError)) throw error;
    return false;
  }
}
