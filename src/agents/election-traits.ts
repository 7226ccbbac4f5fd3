import type { Standing } from '../protocol/state.ts';
import type { AgentDefinition, Priority } from './definition.ts';

/** What an agent's file says about elections, in Raft's words. */
export interface ElectionTraits {
  /** 0 stands first, 7 last: a higher rank waits longer before it campaigns, never for ever. */
  readonly rank: number;
  readonly standing: Standing;
}

const PRIORITY_RANKS: Readonly<Record<Priority, number>> = {
  critical: 0,
  high: 1,
  medium: 2,
  normal: 2,
  low: 3,
};

/** Capability that makes a node stand for election on its own time-out. */
const LEADER_ELECTION = 'leader_election';

/** Priority decides the rank; among equals, `type: coordinator` goes first. */
export function electionTraits(
  definition: Pick<AgentDefinition, 'capabilities' | 'priority' | 'strictEligibility' | 'type'>,
): ElectionTraits {
  const isCoordinator = definition.type?.toLowerCase() === 'coordinator';
  const rank = 2 * PRIORITY_RANKS[definition.priority] + (isCoordinator ? 0 : 1);
  if (definition.capabilities.includes(LEADER_ELECTION)) return { rank, standing: 'eligible' };
  return { rank, standing: definition.strictEligibility ? 'never' : 'last-resort' };
}
