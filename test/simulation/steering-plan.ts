import { nodeId } from '../../src/protocol/ids.ts';
import { configuration } from '../../src/protocol/state.ts';
import { raftConfig } from '../../src/raft/config.ts';
import { STRATEGIES } from '../../src/siblings/quorum-manager/policy.ts';
import type { Chance } from './chance.ts';
import { drawPlan, drawTiming, type FaultKind, type Plan } from './plan.ts';

/** Machines that join one after the other. */
const NEWCOMERS = 4;

/** What a swarm must bear while its voters change, and the two that they change for. */
const FAULTS: readonly FaultKind[] = [
  ...(['partition', 'isolate', 'one-way', 'clog', 'reset', 'pause', 'crash', 'power-cut'] as const),
  ...(['slow-disk', 'stuck-disk', 'transfer', 'graceful-stop', 'flap'] as const),
];

/** Entries beyond which nobody may be promoted: logs are short here. */
const MAX_LAG = 20;

/** A swarm whose voters the quorum manager sees to: machines join, die for good, are cut off, come and go. */
export function drawSteeredPlan(chance: Chance): Plan {
  const drawn = drawPlan(chance.stream('world'));
  const voterCount = chance.pick([3, 3, 5]);
  const founders = voterCount + chance.integer(0, 2);
  const ids = Array.from({ length: founders + NEWCOMERS }, (_, at) => nodeId(`n${at + 1}`));
  const drawnTiming = drawTiming(chance);
  const pace = drawnTiming.electionTimeoutMinMs;
  // Most of what happens is heartbeats: half as many, so that twice as many seeds are lived through.
  const timing = { ...drawnTiming, heartbeatIntervalMs: pace / 5 };
  const voters = chance.pick([3, 3, 5]);
  const faults = chance.some(FAULTS, 0.4);
  return {
    ...drawn,
    nodes: ids.map((id, at) => ({
      id,
      isSpare: at >= founders,
      config: raftConfig({ ...timing, rank: chance.happens(0.3) ? chance.integer(0, 8) : 0 }),
      skew: { offsetMs: chance.integer(0, 1_000_000), rate: 0.97 + 0.06 * chance.fraction() },
    })),
    bootstrap: configuration(ids.slice(0, voterCount), ids.slice(voterCount, founders)),
    // Always somebody who dies, and as often as anything else.
    faults: [...faults, 'death'],
    faultEveryMs: { min: pace / 2, max: chance.pick([3, 8]) * pace },
    faultPhaseMs: chance.integer(20, 50) * pace,
    callEveryMs: { min: 20, max: chance.pick([150, 300]) },
    handicap: undefined,
    changeEveryMs: undefined,
    leaseReadShare: 0,
    bearsDamage: false,
    formerRelease: [],
    steering: {
      policy: {
        auto: true,
        strategy: chance.pick(STRATEGIES),
        voters,
        survive: chance.integer(0, (voters - 1) / 2),
        coolDownMs: chance.pick([1, 4]) * pace,
        replaceAfterMs: chance.pick([4, 8]) * pace,
        stableMs: chance.pick([2, 4]) * pace,
      },
      senses: { heartbeatMs: timing.heartbeatIntervalMs, freshMs: 2 * pace, maxLag: MAX_LAG },
      joinEveryMs: { min: pace, max: 12 * pace },
      domains: new Map(ids.map((id) => [id, chance.pick(['x', 'y', 'z'])])),
      weights: new Map(
        chance.happens(0.3) ? chance.some(ids, 0.3).map((id) => [id, chance.pick([0.5, 2])]) : [],
      ),
    },
  };
}
