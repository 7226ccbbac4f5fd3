import { nodeId } from '../../../src/protocol/ids.ts';
import type { Observation } from '../../../src/siblings/quorum-manager/observation.ts';
import { defaultPolicy, type Policy } from '../../../src/siblings/quorum-manager/policy.ts';

const SOUND: Omit<Observation, 'id'> = {
  voter: false,
  isLeader: false,
  reachable: true,
  phi: 0,
  silentMs: 20,
  steadyMs: 600_000,
  flaps: 0,
  lag: 0,
  keepsUp: true,
  standing: 'eligible',
  roundTripMs: 1,
  writeMs: 2,
  uptimeMs: 3_600_000,
  domain: undefined,
  transient: false,
  weight: 1,
};

/** A voter that is there. */
export const voter = (id: string, more: Partial<Observation> = {}): Observation => ({
  ...SOUND,
  voter: true,
  ...more,
  id: nodeId(id),
});

export const leader = (id: string, more: Partial<Observation> = {}): Observation =>
  voter(id, { isLeader: true, roundTripMs: undefined, silentMs: 0, steadyMs: 0, ...more });

/** A learner that has caught up. */
export const learner = (id: string, more: Partial<Observation> = {}): Observation => ({
  ...SOUND,
  ...more,
  id: nodeId(id),
});

/** Nobody has heard of it for so long. */
export const silent = (silentMs: number): Partial<Observation> => ({
  reachable: false,
  phi: 300,
  silentMs,
  steadyMs: 0,
});

export const HOUR = 3_600_000;

export const policy = (more: Partial<Policy> = {}): Policy => ({ ...defaultPolicy(3), auto: true, ...more });
