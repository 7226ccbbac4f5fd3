import type { TaskJson, TaskState } from '../../tasks/task.ts';
import { tokensOf } from '../../tasks/usage.ts';
import { noColours, type Paint, type Style } from './paint.ts';
import { countStates, sumUsage } from './run-progress.ts';
import { type Column, table } from './table.ts';
import { cut, elapsed, plain, plainLines } from './text.ts';
import { usageWords } from './usage-words.ts';

/** A run that is over, completed or not. */
export interface RunReport {
  readonly swarm: string;
  readonly coordinator: string | null;
  readonly term: number;
  readonly elections: number;
  readonly tasks: readonly TaskJson[];
  readonly durationMs: number;
  /** Why the swarm's budget let no more work begin, in words. */
  readonly exhausted: string | null;
}

export interface ReportOptions {
  /** Columns of the terminal; without it nothing is cut. */
  readonly columns?: number;
  readonly paint?: Paint;
  /** The command that goes on with what is left. */
  readonly resume: string;
}

/** Failed tasks whose output is shown, and how much of each. */
const MAX_SHOWN_FAILURES = 3;
const MAX_SHOWN_LINES = 10;

const STYLES: Readonly<Record<TaskState, Style>> = {
  completed: 'green',
  failed: 'red',
  blocked: 'red',
  parked: 'yellow',
  cancelled: 'yellow',
  running: 'cyan',
  assigned: 'cyan',
  queued: 'dim',
};

const COLUMNS: readonly Column<TaskJson>[] = [
  { title: 'TASK', value: ({ id }) => id, least: 12 },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'AGENT', value: ({ agent }) => agent ?? '-', least: 8 },
  { title: 'ATTEMPTS', value: ({ attempts }) => String(attempts), align: 'right' },
  { title: 'SECONDS', value: secondsOf, align: 'right' },
];

/** What a person reads at the end: every task, the sum, and what to do next if something is left. */
export function reportLines(report: RunReport, options: ReportOptions): string[] {
  const { tasks, coordinator, term, durationMs } = report;
  const { paint = noColours } = options;
  const counts = countStates(tasks);
  const numbers = ORDER.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  const isDone = counts.completed === tasks.length;
  const summary = `${numbers.join(', ') || 'no tasks'} in ${elapsed(durationMs)}`;
  const who = coordinator === null ? 'no coordinator' : `coordinator ${plain(coordinator)}, term ${term}`;
  return [
    ...table(tasks, COLUMNS, options),
    '',
    `${paint(isDone ? 'green' : 'red', summary)} (${who})`,
    ...usageLines(report),
    ...failureLines(tasks, options),
    ...nextLines(tasks, options),
  ];
}

/** Nothing where no model has done anything. */
function usageLines({ exhausted, tasks }: RunReport): string[] {
  const usage = sumUsage(tasks);
  const lines = tokensOf(usage) + usage.costMicros === 0 ? [] : [`used ${usageWords(usage)}`];
  return exhausted === null
    ? lines
    : [...lines, `the budget is used up (${exhausted}): raise it with --budget-usd or --budget-tokens`];
}

const ORDER: readonly TaskState[] = [
  ...(['completed', 'failed', 'blocked', 'parked', 'cancelled', 'running', 'assigned', 'queued'] as const),
];

/** The object that `run --json` prints. */
export function reportJson({ tasks, ...run }: RunReport): unknown {
  const { completed, failed, cancelled, blocked, parked } = countStates(tasks);
  return {
    swarm: run.swarm,
    coordinator: run.coordinator,
    term: run.term,
    elections: run.elections,
    tasks,
    usage: sumUsage(tasks),
    budgetExhausted: run.exhausted,
    summary: { completed, failed, cancelled, blocked, parked },
    durationMs: run.durationMs,
  };
}

function secondsOf({ startedAt, endedAt }: TaskJson): string {
  return startedAt === null || endedAt === null ? '-' : ((endedAt - startedAt) / 1000).toFixed(1);
}

function failureLines(
  tasks: readonly TaskJson[],
  { columns = Number.POSITIVE_INFINITY, paint = noColours }: ReportOptions,
): string[] {
  const failed = tasks.filter(({ state }) => state === 'failed').slice(0, MAX_SHOWN_FAILURES);
  return failed.flatMap((task) => {
    const lines = [...hookFaults(task), ...plainLines(task.output)].slice(-MAX_SHOWN_LINES);
    const why = task.reason === '' ? '' : `: ${plain(task.reason)}`;
    return [
      '',
      paint('red', cut(`${plain(task.id)} failed${why}`, columns)),
      ...lines.map((line) => cut(`  ${line}`, columns)),
    ];
  });
}

function hookFaults({ hooks }: TaskJson): readonly string[] {
  return hooks
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'timed-out')
    .flatMap(({ hook, outcome, stderr }) => [`${hook} hook ${outcome}`, ...plainLines(stderr)]);
}

function nextLines(tasks: readonly TaskJson[], { resume, paint = noColours }: ReportOptions): string[] {
  const parked = tasks.filter(({ state }) => state === 'parked');
  const isStuck = tasks.some(({ state }) => state === 'failed');
  const isLeft = tasks.some(({ state }) => LEFT.has(state));
  const hints = parked.map(({ id, reason }) => `${plain(id)} waits for a person: ${plain(reason)}`);
  if (isStuck) hints.push(`when the cause is mended, go on with the rest: ${resume}`);
  else if (isLeft || parked.length > 0) hints.push(`go on with what is left: ${resume}`);
  return hints.length === 0 ? [] : ['', ...hints.map((hint) => `${paint('dim', '→')} ${hint}`)];
}

const LEFT: ReadonlySet<TaskState> = new Set(['queued', 'assigned', 'running'] as const);
