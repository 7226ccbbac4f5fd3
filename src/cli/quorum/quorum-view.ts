import type { Adjustment } from '../../siblings/quorum-manager/notebook.ts';
import type { Plan } from '../../siblings/quorum-manager/plan.ts';
import type { Policy } from '../../siblings/quorum-manager/policy.ts';
import type {
  AutoStatus,
  MemberView,
  PlanWish,
  QuorumStatus,
} from '../../siblings/quorum-manager/requests.ts';
import { tableOptions } from '../reach.ts';
import { type Column, table } from '../view/table.ts';

const COLUMNS: readonly Column<MemberView>[] = [
  { title: 'MEMBER', value: ({ id }) => id, least: 12 },
  { title: 'PART', value: (one) => partOf(one) },
  {
    title: 'LINK',
    value: ({ reachable }) => (reachable ? 'up' : 'silent'),
    style: ({ reachable }) => (reachable ? undefined : 'red'),
  },
  { title: 'PHI', value: ({ phi }) => phi.toFixed(1), align: 'right' },
  { title: 'RTT', value: ({ roundTripMs }) => time(roundTripMs), align: 'right' },
  { title: 'FSYNC', value: ({ writeMs }) => time(writeMs), align: 'right' },
  { title: 'LAG', value: ({ lag }) => String(lag), align: 'right' },
  { title: 'FLAPS', value: ({ flaps }) => String(flaps), align: 'right' },
  { title: 'UP', value: ({ uptimeMs }) => (uptimeMs === null ? '-' : span(uptimeMs)), align: 'right' },
  { title: 'WEIGHT', value: ({ weight }) => String(weight), align: 'right' },
  { title: 'DOMAIN', value: ({ domain }) => domain ?? '-' },
];

export function statusLines(status: QuorumStatus): readonly string[] {
  return [
    ...table(status.members, COLUMNS, tableOptions()),
    worth(status),
    policyLine(status.policy),
    ...status.adjustments.slice(-3).map(adjustmentLine),
    status.note,
  ];
}

function worth({ commitMs, quorum, survives, survivesDomains, voters }: QuorumStatus): string {
  const votes = `${quorum} of ${voters.length} votes decide`;
  if (survives < 0) return `${votes}, and only ${quorum + survives} can be counted on just now`;
  const losses = `${lossesOf(survives, 'more loss', 'more losses')} and ${lossesOf(survivesDomains, 'failure domain', 'failure domains')}`;
  return `${votes}; ${losses} can be borne; a commit takes about ${time(commitMs)}`;
}

/** `wish`: what was asked for, which whoever carries it out has to say again. */
export function planLines(plan: Plan, wish: PlanWish = {}): readonly string[] {
  const { confidence, expectedImpact, learners, reasoning, recommendedVoters, steps, strategy } = plan;
  const { commitMs, survives, survivesDomains } = expectedImpact;
  return [
    `voters ${recommendedVoters.join(', ')}; learners ${learners.join(', ') || 'none'}`,
    `strategy ${strategy}, confidence ${confidence}`,
    ...reasoning.map((sentence) => `  ${sentence}`),
    `losses borne ${survives.before} → ${survives.after}, domains ${survivesDomains.before} → ${survivesDomains.after}, commit ${time(commitMs.before)} → ${time(commitMs.after)}`,
    ...steps.map(({ changes }, at) => {
      return `step ${at + 1}: ${changes.map(({ id, type }) => `${type === 'add-voter' ? 'promote' : 'demote'} ${id}`).join(', ')}`;
    }),
    steps.length === 0
      ? 'nothing to do'
      : `to carry it out: ${['raft-manager quorum apply', ...Object.entries(wish).map(([name, value]) => `--${name} ${value}`)].join(' ')}`,
  ];
}

export function autoLines({ adjustments, policy }: AutoStatus): readonly string[] {
  return [policyLine(policy), ...adjustments.map(adjustmentLine)];
}

function policyLine({
  auto,
  coolDownMs,
  replaceAfterMs,
  stableMs,
  strategy,
  survive,
  voters,
}: Policy): string {
  return `auto ${auto ? 'on' : 'off'}: ${voters} voters, ${strategy}, never below ${lossesOf(survive, 'loss', 'losses')} by a change; replaced after ${span(replaceAfterMs)} of silence, promoted after ${span(stableMs)}, cool-down ${span(coolDownMs)}`;
}

function adjustmentLine({ at, by, leader, outcome, voters, why }: Adjustment): string {
  return `${new Date(at).toISOString()} ${by} by ${leader}: ${why} (voters ${voters.join(', ')}): ${outcome}`;
}

function partOf({ isLeader, transient, voter }: MemberView): string {
  if (isLeader) return 'leader';
  if (voter) return 'voter';
  return transient ? 'guest' : 'learner';
}

function lossesOf(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function time(ms: number | null): string {
  return ms === null ? '-' : `${ms.toFixed(1)} ms`;
}

function span(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
