import { expect, test } from 'vitest';
import type { Priority } from '../../src/agents/definition.ts';
import { electionTraits } from '../../src/agents/election-traits.ts';

interface Row {
  why: string;
  priority?: Priority;
  type?: string;
  capabilities?: string[];
  strictEligibility?: boolean;
  traits: ReturnType<typeof electionTraits>;
}

const ROWS: Row[] = [
  {
    why: 'stands first',
    priority: 'critical',
    type: 'coordinator',
    traits: { rank: 0, standing: 'eligible' },
  },
  {
    why: 'after a coordinator of the same priority',
    priority: 'critical',
    traits: { rank: 1, standing: 'eligible' },
  },
  {
    why: 'the mission: raft-manager',
    priority: 'high',
    type: 'coordinator',
    traits: { rank: 2, standing: 'eligible' },
  },
  { why: 'priority beats type', priority: 'high', traits: { rank: 3, standing: 'eligible' } },
  {
    why: 'medium is normal',
    priority: 'medium',
    type: 'coordinator',
    traits: { rank: 4, standing: 'eligible' },
  },
  { why: 'normal', priority: 'normal', type: 'Coordinator', traits: { rank: 4, standing: 'eligible' } },
  { why: 'stands last', priority: 'low', type: 'worker', traits: { rank: 7, standing: 'eligible' } },
  {
    why: 'not capable: a swarm must still elect',
    capabilities: [],
    traits: { rank: 5, standing: 'last-resort' },
  },
  {
    why: 'unless its author forbade it',
    capabilities: ['x'],
    strictEligibility: true,
    traits: { rank: 5, standing: 'never' },
  },
  {
    why: 'strictness does not stop a capable one',
    strictEligibility: true,
    traits: { rank: 5, standing: 'eligible' },
  },
];

test.each(ROWS)(
  '$why',
  ({ priority = 'normal', type, capabilities = ['leader_election'], strictEligibility = false, traits }) => {
    expect(electionTraits({ priority, type, capabilities, strictEligibility })).toEqual(traits);
  },
);
