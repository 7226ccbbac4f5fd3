import { isJoint } from '../../protocol/state.ts';
import type { Census, NodeJson } from '../../swarm/census.ts';
import type { Overview } from '../../swarm/port.ts';
import { microsOf, tokensOf, usdText } from '../../tasks/usage.ts';
import { type Column, type TableOptions, table } from './table.ts';
import { plain } from './text.ts';
import { usageWords } from './usage-words.ts';

const COLUMNS: readonly Column<NodeJson>[] = [
  { title: 'NODE', value: ({ id }) => id, least: 12 },
  { title: 'ROLE', value: ({ role }) => role, style: ({ role }) => (role === 'down' ? 'red' : undefined) },
  { title: 'VOTER', value: standing },
  { title: 'TERM', value: ({ term }) => String(term), align: 'right' },
  { title: 'COMMIT', value: ({ commitIndex }) => String(commitIndex), align: 'right' },
  { title: 'APPLIED', value: ({ appliedIndex }) => String(appliedIndex), align: 'right' },
  { title: 'LAG', value: ({ lag }) => String(lag), align: 'right' },
  { title: 'MODE', value: ({ progress }) => progress?.mode ?? '-' },
  { title: 'MATCH', value: ({ progress }) => String(progress?.matchIndex ?? '-'), align: 'right' },
  { title: 'FLYING', value: ({ progress }) => String(progress?.inFlight ?? '-'), align: 'right' },
  {
    title: 'HEARD',
    value: ({ lastContactMs }) => (lastContactMs === null ? '-' : `${Math.round(lastContactMs)} ms`),
    align: 'right',
  },
  { title: 'FIRST', value: ({ firstIndex }) => String(firstIndex), align: 'right' },
  { title: 'SNAPSHOT', value: ({ snapshotIndex }) => String(snapshotIndex), align: 'right' },
  { title: 'PID', value: ({ pid }) => String(pid ?? '-'), align: 'right' },
  { title: 'URL', value: ({ url }) => url ?? '-' },
];

function standing({ voter, member, repairing }: Pick<NodeJson, 'voter' | 'member' | 'repairing'>): string {
  if (!member) return 'no member';
  if (repairing !== null) return `repairing ${repairing.from}/${repairing.to}`;
  return voter ? 'yes' : 'no';
}

/** A swarm at one glance. `overview`: what its log says; undefined while it cannot be asked. */
export function statusLines(
  census: Census,
  overview: Pick<Overview, 'paused' | 'counts' | 'usage' | 'budget'> | undefined,
  options: TableOptions,
): readonly string[] {
  const { configuration, coordinator, nodes, quorum, swarm, term } = census;
  const { voters, votersOutgoing } = configuration;
  const words = `coordinator ${coordinator ?? 'none'}  term ${term}  ${quorum ? 'quorum' : 'NO QUORUM'}`;
  return [
    `swarm ${swarm}  ${words}`,
    ...(isJoint(configuration) ? [`joint: from ${votersOutgoing.join(', ')} to ${voters.join(', ')}`] : []),
    ...(overview?.paused == null ? [] : [`paused: ${plain(overview.paused)}`]),
    ...nodes.flatMap(quarantineLine),
    ...budgetLines(overview),
    `tasks ${taskWords(overview)}`,
    '',
    ...table(nodes, COLUMNS, options),
  ];
}

function quarantineLine({ id, quarantined }: NodeJson): readonly string[] {
  return quarantined === null ? [] : [`QUARANTINED: ${id} ${plain(quarantined)}; ask "raft-manager doctor"`];
}

/** Nothing, while no model has done anything and nobody has set a budget. */
function budgetLines(overview: Pick<Overview, 'usage' | 'budget'> | undefined): readonly string[] {
  if (overview === undefined) return [];
  const { budget, usage } = overview;
  const limits = [
    ...(budget.maxTokens === null ? [] : [`${budget.maxTokens} tokens`]),
    ...(budget.maxCostUsd === null ? [] : [usdText(microsOf(budget.maxCostUsd))]),
  ];
  const isUsed = usage.turns > 0 || tokensOf(usage) > 0 || usage.costMicros > 0;
  return [
    ...(budget.exhausted === null
      ? []
      : [`BUDGET USED UP: ${budget.exhausted}; no new work until "raft-manager swarm budget" raises it`]),
    ...(isUsed || limits.length > 0
      ? [`usage ${usageWords(usage)}${limits.length === 0 ? '' : ` of ${limits.join(' and ')}`}`]
      : []),
  ];
}

/** The same in one line, without the tasks. */
export function briefLine({ configuration, coordinator, nodes, quorum, term }: Census): string {
  const up = nodes.filter(({ role, voter }) => voter && role !== 'down').length;
  const voters = `${up} of ${nodes.filter(({ voter }) => voter).length} voters up`;
  const joint = isJoint(configuration) ? ', joint' : '';
  return `${quorum ? 'quorum' : 'NO QUORUM'}: coordinator ${coordinator ?? 'none'}, term ${term}, ${voters}${joint}`;
}

/** `3 queued, 1 running`. */
export function taskWords(overview: Pick<Overview, 'counts'> | undefined): string {
  if (overview === undefined) return 'unknown';
  const counts = Object.entries(overview.counts).filter(([, count]) => count > 0);
  return counts.length === 0 ? 'none' : counts.map(([state, count]) => `${count} ${state}`).join(', ');
}
