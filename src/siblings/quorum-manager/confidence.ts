import { type Observation, SUSPECT_PHI } from './observation.ts';

/** A leader that has watched for so long has seen what there is to see. */
const SETTLED_MS = 60_000;

/** A silence that is getting surprising, but is none yet. */
const DOUBTFUL_PHI = 1;

/**
 * How far the facts carry a plan, from 0 to 1: the share of members of which link, disk and domain are known, times how
 * much of a minute this leader has watched (counted as no less than a half), times the share of members of which it is
 * clear whether they are there: not just about to be given up, and not lost from sight again and again. It says
 * nothing of what will happen.
 */
export function confidenceIn(observations: readonly Observation[]): number {
  const others = observations.filter(({ isLeader }) => !isLeader);
  if (others.length === 0) return 1;
  const share = (holds: (one: Observation) => boolean): number => others.filter(holds).length / others.length;
  const known = share((one) => isKnown(one) || !one.reachable);
  const clear = share(({ flaps, phi }) => flaps <= 1 && (phi < DOUBTFUL_PHI || phi >= SUSPECT_PHI));
  const longest = Math.max(...others.map(({ silentMs, steadyMs }) => steadyMs + silentMs));
  const settled = 0.5 + 0.5 * Math.min(1, longest / SETTLED_MS);
  return Math.round(known * settled * clear * 100) / 100;
}

function isKnown({ domain, roundTripMs, writeMs }: Observation): boolean {
  return roundTripMs !== undefined && writeMs !== undefined && domain !== undefined;
}
