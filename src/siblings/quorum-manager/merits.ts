import type { NodeId } from '../../protocol/ids.ts';
import type { Observation } from './observation.ts';
import type { Strategy } from './policy.ts';
import { ackTime } from './strength.ts';

/** Half of the merit is gone at these: what a network of one region, a disk that syncs, and an hour are like. */
const HALF_ROUND_TRIP_MS = 20;
const HALF_ACK_MS = 20;
const HALF_UPTIME_MS = 3_600_000;

interface Shares {
  readonly link: number;
  readonly speed: number;
  readonly uptime: number;
  /** Of how much a domain counts that nobody chosen so far is in. */
  readonly spread: number;
}

const SHARES: Readonly<Record<Strategy, Shares>> = {
  network: { link: 0.7, speed: 0.1, uptime: 0.1, spread: 0.1 },
  performance: { link: 0.1, speed: 0.7, uptime: 0.1, spread: 0.1 },
  'fault-tolerance': { link: 0.1, speed: 0.05, uptime: 0.15, spread: 0.7 },
  hybrid: { link: 0.25, speed: 0.25, uptime: 0.1, spread: 0.4 },
};

/** Somebody else must be so much better before a voter that does its work gives way: numbers move all the time. */
const TENURE = 0.15;

/** More than all that speaks for a member: of voters that never stand, no leader can be made when the one there is dies. */
const NEVER_LEADS = -2;

/** Half of the way, where nothing is known: no reason for a member, and none against it. */
const UNKNOWN = 0.5;

/** How much a member is worth as a voter beside those chosen so far, from 0 to 1; more for who votes already, less than 0 for who never leads. */
function meritOf(one: Observation, chosen: readonly Observation[], strategy: Strategy): number {
  const shares = SHARES[strategy];
  const link = falling(one.isLeader ? 0 : one.roundTripMs, HALF_ROUND_TRIP_MS) / (1 + one.flaps);
  const speed = falling(ackTime(one), HALF_ACK_MS);
  const uptime = one.uptimeMs === undefined ? UNKNOWN : 1 - falling(one.uptimeMs, HALF_UPTIME_MS);
  const tenure = one.voter ? TENURE : 0;
  const burden = one.standing === 'never' ? NEVER_LEADS : 0;
  return (
    shares.link * link +
    shares.speed * speed +
    shares.uptime * uptime +
    shares.spread * newness(one, chosen) +
    tenure +
    burden
  );
}

/** 1 at 0, a half at `half`, and ever less. */
function falling(value: number | undefined, half: number): number {
  return value === undefined ? UNKNOWN : half / (half + value);
}

/** 1 in a domain where nobody is yet, a half beside one other, and so on. */
function newness({ domain, id }: Observation, chosen: readonly Observation[]): number {
  if (domain === undefined) return chosen.length === 0 ? 1 : UNKNOWN;
  return 1 / (1 + chosen.filter((other) => other.id !== id && other.domain === domain).length);
}

/** Whoever has most merit first, each beside those before; of equals the one whose name comes first. */
export function inOrder(
  candidates: readonly Observation[],
  seated: readonly Observation[],
  strategy: Strategy,
): readonly NodeId[] {
  const chosen = [...seated];
  const left = [...candidates].sort((a, b) => (a.id < b.id ? -1 : 1));
  const order: NodeId[] = [];
  while (left.length > 0) {
    const merits = left.map((one) => meritOf(one, chosen, strategy));
    const [best] = left.splice(merits.indexOf(Math.max(...merits)), 1);
    if (best === undefined) break;
    chosen.push(best);
    order.push(best.id);
  }
  return order;
}
