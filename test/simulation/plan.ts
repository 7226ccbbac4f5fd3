import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import { nodeId } from '../../src/protocol/ids.ts';
import { type Configuration, configuration, majority, type Standing } from '../../src/protocol/state.ts';
import { type RaftConfig, raftConfig } from '../../src/raft/config.ts';
import type { Policy } from '../../src/siblings/quorum-manager/policy.ts';
import type { Senses } from '../../src/siblings/quorum-manager/watch.ts';
import type { Chance } from './chance.ts';
import type { Weather } from './network.ts';
import type { Skew } from './virtual-time.ts';

const FAULT_KINDS = [
  'partition',
  'isolate',
  'one-way',
  'clog',
  'reset',
  'pause',
  'crash',
  'power-cut',
  'slow-disk',
  'stuck-disk',
  'failed-disk',
  'transfer',
  'graceful-stop',
  'wipe',
  'damage',
] as const;

/** Only where somebody sees to the voters: the links of a machine come and go, or it is lost and nobody says so. */
type SteeredFault = 'flap' | 'death';

export type FaultKind = (typeof FAULT_KINDS)[number] | SteeredFault;

export interface NodePlan {
  readonly id: NodeId;
  /** Not there from the beginning: a machine that may be let in. */
  readonly isSpare: boolean;
  readonly config: RaftConfig;
  readonly skew: Skew;
}

/** Everything about a run that is decided before it begins. */
export interface Plan {
  readonly nodes: readonly NodePlan[];
  readonly bootstrap: Configuration;
  readonly weather: Weather;
  readonly diskLatency: { readonly min: Millis; readonly max: Millis };
  readonly faults: readonly FaultKind[];
  readonly faultEveryMs: { readonly min: Millis; readonly max: Millis };
  readonly faultPhaseMs: Millis;
  readonly callEveryMs: { readonly min: Millis; readonly max: Millis };
  readonly requestTimeoutMs: Millis;
  readonly keys: number;
  readonly handicap: Handicap | undefined;
  readonly snapshotEveryEntries: number;
  /** Pauses between changes of membership; undefined: it stays as it is. */
  readonly changeEveryMs: { readonly min: Millis; readonly max: Millis } | undefined;
  /** Share of the reads that trust the leader's lease. */
  readonly leaseReadShare: number;
  /** There are three sound voters or more, whatever becomes of the log of one node, and each may be elected. */
  readonly bearsDamage: boolean;
  /** Who runs the former release, which knows nothing of snapshots, until it is upgraded. */
  readonly formerRelease: readonly NodeId[];
  /** The quorum manager decides who votes; undefined: nobody does. */
  readonly steering: SteeringPlan | undefined;
}

export interface SteeringPlan {
  readonly policy: Policy;
  readonly senses: Senses;
  readonly joinEveryMs: { readonly min: Millis; readonly max: Millis };
  readonly domains: ReadonlyMap<NodeId, string>;
  readonly weights: ReadonlyMap<NodeId, number>;
}

/** Machines that may be let in; each once. */
const SPARES = 6;

/**
 * What is still wrong in the first part of the recovery. The nodes that are not concerned are a
 * majority with sound links to each other, and must serve in spite of it.
 */
export interface Handicap {
  /**
   * `deaf` and `mute` nodes can send but not hear, or hear but not send; `parted` ones reach everybody
   * but each other.
   */
  readonly kind: (typeof HANDICAPS)[number];
  readonly nodes: readonly NodeId[];
}

const HANDICAPS = ['cut-off', 'deaf', 'mute', 'down', 'stuck-disk', 'parted'] as const;

/** Draws a swarm, its weather and its misfortunes. */
export function drawPlan(chance: Chance): Plan {
  const voterCount = chance.pick([1, 2, 3, 3, 3, 3, 3, 5, 5, 5]);
  const learnerCount = chance.happens(0.15) ? 1 : 0;
  const founders = voterCount + learnerCount;
  const changes = chance.happens(0.5);
  const ids = Array.from({ length: founders + (changes ? SPARES : 0) }, (_, at) => nodeId(`n${at + 1}`));
  const voters = ids.slice(0, voterCount);
  // Who stays when others go must be able to lead.
  const standings = changes ? [] : drawStandings(chance, voterCount);
  const timing = drawTiming(chance);
  const leases = chance.happens(0.25);
  const handicap = changes ? undefined : drawHandicap(chance, voters, standings);
  return {
    nodes: ids.map((id, at) => ({
      id,
      isSpare: at >= founders,
      config: raftConfig({
        ...timing,
        leaseReads: leases,
        standing: standings[at] ?? 'eligible',
        rank: chance.happens(0.3) ? chance.integer(0, 8) : 0,
      }),
      skew: { offsetMs: chance.integer(0, 1_000_000), rate: 0.97 + 0.06 * chance.fraction() },
    })),
    bootstrap: configuration(voters, ids.slice(voterCount, founders)),
    weather: drawWeather(chance),
    diskLatency: { min: 0, max: chance.pick([0, 2, 5, 20]) },
    faults: drawFaults(chance),
    faultEveryMs: chance.pick([
      { min: 20, max: 300 },
      { min: 100, max: 800 },
      { min: 300, max: 2000 },
    ]),
    faultPhaseMs: chance.integer(5000, 12_000),
    callEveryMs: { min: 1, max: chance.pick([60, 150, 300]) },
    requestTimeoutMs: chance.pick([500, 2000, 5000]),
    keys: chance.integer(1, 4),
    handicap,
    snapshotEveryEntries: chance.pick([4, 15, 60, Number.POSITIVE_INFINITY]),
    changeEveryMs: changes ? { min: 20, max: chance.pick([200, 800, 2000]) } : undefined,
    leaseReadShare: leases ? 0.6 : 0,
    bearsDamage: voterCount >= 3 && !changes && handicap === undefined && !standings.includes('never'),
    formerRelease: chance.happens(0.3) ? chance.some(ids, 0.5) : [],
    steering: undefined,
  };
}

/**
 * With a majority that stands for election there is always a node that can win: the one of them with
 * the longest log. With fewer, an entry that only abstainers hold may block the swarm for ever.
 */
function drawStandings(chance: Chance, voterCount: number): Standing[] {
  const standings: Standing[] = Array.from({ length: voterCount }, () => 'eligible');
  if (chance.happens(0.5)) return standings;
  const reluctant = chance.integer(1, voterCount);
  const abstaining = chance.happens(0.3) ? chance.integer(0, voterCount - majority(voterCount)) : 0;
  const changed = standings.map((standing, at): Standing => {
    if (at < abstaining) return 'never';
    return at < reluctant ? 'last-resort' : standing;
  });
  return chance.shuffle(changed);
}

export function drawTiming(chance: Chance) {
  const scale = chance.pick([1, 1, 2, 4]);
  return {
    heartbeatIntervalMs: 25 * scale,
    electionTimeoutMinMs: 250 * scale,
    electionTimeoutMaxMs: 500 * scale,
    maxInflightAppends: chance.pick([1, 2, 64]),
    // Small enough that one append does not take everything.
    maxAppendBytes: chance.pick([40, 200, 512 * 1024]),
    maxUncommittedBytes: chance.pick([400, 64 * 1024 * 1024]),
    snapshotTailEntries: chance.pick([0, 3, 30]),
  };
}

function drawWeather(chance: Chance): Weather {
  const isRough = chance.happens(0.7);
  const share = (most: number): number => (isRough && chance.happens(0.6) ? most * chance.fraction() : 0);
  return {
    latency: { min: 1, max: chance.pick([1, 3, 10, 40]) },
    drop: share(0.15),
    duplicate: share(0.15),
    reorder: share(0.3),
    delay: share(0.1),
    delayMs: chance.pick([50, 300, 1500]),
  };
}

function drawFaults(chance: Chance): readonly FaultKind[] {
  const chosen = chance.some(FAULT_KINDS, 0.5);
  return chosen.length > 0 ? chosen : ['crash'];
}

/** Not together with abstainers: those who are left might not include anybody who can be elected. */
function drawHandicap(
  chance: Chance,
  voters: readonly NodeId[],
  standings: readonly Standing[],
): Handicap | undefined {
  const spare = voters.length - majority(voters.length);
  if (spare === 0 || standings.includes('never') || chance.happens(0.4)) return undefined;
  const kind = chance.pick(HANDICAPS);
  const shuffled = chance.shuffle(voters);
  return { kind, nodes: shuffled.slice(0, kind === 'parted' ? 2 : chance.integer(1, spare)) };
}
