import type { Millis } from '../protocol/ids.ts';
import type { RaftConfig } from './config.ts';
import type { Core } from './core.ts';

interface Range {
  readonly min: Millis;
  readonly max: Millis;
}

function range(config: RaftConfig, hasty: boolean): Range {
  return hasty
    ? { min: config.hastyTimeoutMinMs, max: config.hastyTimeoutMaxMs }
    : { min: config.electionTimeoutMinMs, max: config.electionTimeoutMaxMs };
}

/**
 * How long this node waits before it campaigns: random, so that votes rarely split (§5.2); wider with
 * every lost round; longer for a lower rank, and much longer for the first turn of a node of last resort.
 * Infinity for a node that never stands.
 */
export function electionPatience(core: Core): Millis {
  const { config } = core;
  if (config.standing === 'never') return Number.POSITIVE_INFINITY;
  const { min, max } = range(config, core.hasty);
  const width = (max - min) * 2 ** Math.min(core.lostRounds, config.maxBackoffDoublings);
  const resortDelay = config.standing === 'last-resort' && !core.hasStood ? lastResortDelay(config) : 0;
  return min + core.random() * width + rankDelay(core) + resortDelay;
}

/** How much later than the first this node stands, by its rank. */
export function rankDelay({ config, hasty, rankShift }: Core): Millis {
  const { max, min } = range(config, hasty);
  return (Math.max(0, config.rank + rankShift) * (max - min)) / 8;
}

/** Several election time-outs: whoever is better placed has stood long before they are over. */
export function lastResortDelay(config: RaftConfig): Millis {
  return config.lastResortTimeouts * config.electionTimeoutMaxMs;
}

/** How long one voting round may take before it counts as lost. */
export function roundPatience(core: Core): Millis {
  const { config } = core;
  if (core.hasty) return config.hastyRoundMs * (1 + core.random());
  const { min, max } = range(config, false);
  return min + core.random() * (max - min);
}
