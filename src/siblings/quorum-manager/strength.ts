import type { Millis, NodeId } from '../../protocol/ids.ts';
import { majority } from '../../protocol/state.ts';
import { isSound, type Observation } from './observation.ts';

/**
 * What a set of voters is worth now. The majority is always one of all voters, whether they are up or not: of those who
 * are up alone, two halves of a parted swarm would each have one.
 */
export interface Strength {
  readonly voters: number;
  readonly majority: number;
  /** Voters that can be lost now, besides those that are out of reach or behind already; below 0 nothing can be decided. */
  readonly survives: number;
  /** Whole failure domains that can be lost, the worst first. Members of unknown domain count as one each. */
  readonly survivesDomains: number;
  /** From the leader's append until a majority has it on the disk; undefined while too little is known. */
  readonly commitMs: Millis | undefined;
}

export function strengthOf(voters: readonly NodeId[], observations: readonly Observation[]): Strength {
  const seen = new Map(observations.map((one) => [one.id, one]));
  const up = voters.flatMap((id) => {
    const one = seen.get(id);
    return one !== undefined && isSound(one) ? [one] : [];
  });
  const needed = majority(voters.length);
  return {
    voters: voters.length,
    majority: needed,
    survives: up.length - needed,
    survivesDomains: domainsToSpare(up, needed),
    commitMs: commitTime(up, needed),
  };
}

/** The worst first: those that take most voters along. */
function domainsToSpare(up: readonly Observation[], needed: number): number {
  const sizes = new Map<string, number>();
  for (const { domain, id } of up) {
    // No label begins with a space.
    const name = domain ?? ` ${id}`;
    sizes.set(name, (sizes.get(name) ?? 0) + 1);
  }
  let left = up.length;
  let spared = 0;
  for (const size of [...sizes.values()].sort((a, b) => b - a)) {
    left -= size;
    if (left < needed) break;
    spared += 1;
  }
  return up.length < needed ? -1 : spared;
}

/** A commit waits for the slowest of the fastest majority; the leader's own disk counts like any other. */
function commitTime(up: readonly Observation[], needed: number): Millis | undefined {
  const times = up.flatMap((one) => ackTime(one) ?? []).sort((a, b) => a - b);
  return times[needed - 1];
}

/** From an append until this member has it on its disk and the leader knows. */
export function ackTime({ isLeader, roundTripMs, writeMs }: Observation): Millis | undefined {
  if (writeMs === undefined) return undefined;
  if (isLeader) return writeMs;
  return roundTripMs === undefined ? undefined : roundTripMs + writeMs;
}
