import type { TaskDetail, TaskJson } from '../../tasks/task.ts';
import { microsOf, usdText } from '../../tasks/usage.ts';
import type { ReachOptions } from '../options.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { type Column, table } from '../view/table.ts';
import { plain, plainLines } from '../view/text.ts';
import { usageWords } from '../view/usage-words.ts';
import { recordOf } from './records.ts';
import type { ListOptions } from './task-options.ts';

const COLUMNS: readonly Column<TaskJson>[] = [
  { title: 'TASK', value: ({ id }) => id, least: 12 },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'PRIORITY', value: ({ priority }) => priority },
  { title: 'AGENT', value: ({ agent }) => agent ?? '-', least: 8 },
  { title: 'FENCE', value: ({ fence }) => String(fence ?? '-'), align: 'right' },
  { title: 'ATTEMPTS', value: ({ attempts }) => String(attempts), align: 'right' },
  { title: 'TITLE', value: ({ title }) => title, least: 10 },
];

export async function listTasks(options: ListOptions): Promise<void> {
  const { json, state, timeout } = options;
  const tasks = await withSwarm(options, (client) => client.query({ kind: 'tasks' }, { timeoutMs: timeout }));
  const wanted = state === undefined ? tasks : tasks.filter((task) => state.includes(task.state));
  if (json) {
    printJson(wanted);
    return;
  }
  const { columns } = process.stdout;
  for (const line of table(wanted, COLUMNS, columns === undefined ? {} : { columns })) printLine(line);
}

export async function showTask(id: string, options: ReachOptions): Promise<void> {
  const task = await withSwarm(options, (client) => recordOf(client, id, options));
  if (options.json) {
    printJson(task);
    return;
  }
  for (const line of recordLines(task)) printLine(line);
}

function recordLines(task: TaskDetail): readonly string[] {
  const time = (at: number | null): string => (at === null ? '-' : new Date(at).toISOString());
  const facts: readonly (readonly [string, string])[] = [
    ['task', task.id],
    ['title', task.title],
    ['state', task.reason === '' ? task.state : `${task.state}: ${task.reason}`],
    ['priority', task.priority],
    ['requires', task.requires.join(' ') || '-'],
    ['depends on', task.dependsOn.join(' ') || '-'],
    ['agent', task.agent ?? '-'],
    ['fence', String(task.fence ?? '-')],
    ['attempts', `${task.attempts} (${task.failures} failed, ${task.losses} lost)`],
    ['exit code', String(task.exitCode ?? '-')],
    ...workFacts(task),
    ['started', time(task.startedAt)],
    ['ended', time(task.endedAt)],
  ];
  return [
    ...facts.map(([name, value]) => `${name.padEnd(11)}${plain(value)}`),
    ...task.notes.flatMap(({ agent, at, text }) => section(`note by ${plain(agent)}, ${time(at)}`, text)),
    ...task.hooks.flatMap(({ hook, outcome, stdout, stderr }) =>
      section(`${hook} hook ${outcome}`, stdout + stderr),
    ),
    ...section('output', task.output),
  ];
}

/** Of work for a model. */
function workFacts(task: TaskDetail): readonly (readonly [string, string])[] {
  const { code, maxCostUsd, maxTokens, maxTurns, model, turn, usage } = task;
  const limits = [
    ...(maxTurns === null ? [] : [`${maxTurns} turns`]),
    ...(maxTokens === null ? [] : [`${maxTokens} tokens`]),
    ...(maxCostUsd === null ? [] : [usdText(microsOf(maxCostUsd))]),
  ];
  return [
    ...(code === null ? [] : [['outcome', code] as const]),
    ...(model === null ? [] : [['model', model] as const]),
    ...(limits.length === 0 ? [] : [['at most', limits.join(', ')] as const]),
    ...(turn === null || turn === 0 ? [] : [['saved turn', String(turn)] as const]),
    ...(usage === null ? [] : [['usage', usageWords(usage)] as const]),
  ];
}

function section(title: string, text: string): readonly string[] {
  const lines = plainLines(text);
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}
