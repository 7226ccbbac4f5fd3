import { mayBeSet } from '../../hooks/environment.ts';
import { parseDuration } from '../../protocol/duration.ts';
import { isId } from '../../protocol/ids.ts';
import * as limits from '../../protocol/limits.ts';
import type { Priority, TaskSpec } from '../../tasks/command.ts';
import { microsOf } from '../../tasks/usage.ts';
import { type MapEntry, type Problem, type Value, whileFew } from './document.ts';
import { quoted, suggestion } from './words.ts';

export interface Placed {
  readonly text: string;
  readonly at: number;
}

/** A task with the places that later checks speak about. */
export interface PlacedTask {
  readonly spec: TaskSpec;
  /** Of its id, or of the task when it has none. */
  readonly at: number;
  readonly dependsOn: readonly Placed[];
  readonly requires: readonly Placed[];
}

const TASK_KEYS = [
  ...['id', 'title', 'prompt', 'run', 'requires', 'priority', 'dependsOn', 'timeout', 'retries', 'env'],
  ...['model', 'maxTurns', 'maxTokens', 'maxCostUsd'],
];

/** What other tools call these keys. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  name: 'id',
  command: 'run',
  cmd: 'run',
  script: 'run',
  needs: 'dependsOn',
  after: 'dependsOn',
  capabilities: 'requires',
  environment: 'env',
  attempts: 'retries',
  max_turns: 'maxTurns',
  max_tokens: 'maxTokens',
  maxCost: 'maxCostUsd',
  budget: 'maxCostUsd',
};

const PRIORITIES: readonly Priority[] = ['critical', 'high', 'medium', 'normal', 'low'];

type Entries = ReadonlyMap<string, MapEntry>;

/** The task list of a file; everything wrong with it goes to `problems`. */
export function readTasks(root: Value, problems: Problem[]): readonly PlacedTask[] {
  if (root.kind === 'empty') {
    problems.push({ at: root.at, message: 'the file is empty; begin with `tasks:` and a list of tasks' });
    return [];
  }
  const entries = entriesOf(root, { what: 'a task file', keys: ['tasks'] }, problems);
  const tasks = entries?.get('tasks');
  if (entries !== undefined && tasks === undefined) {
    problems.push({ at: root.at, message: 'there is no `tasks`; begin with `tasks:` and a list of tasks' });
  }
  if (tasks === undefined) return [];
  const items = listOf(tasks.value, '`tasks`', problems);
  if (items?.length === 0)
    problems.push({ at: tasks.keyAt, message: '`tasks` is empty; list at least one task' });
  if (items !== undefined && items.length > limits.MAX_TASKS_PER_SUBMISSION) {
    const message = `${items.length} tasks are more than one file may hold; split it at ${limits.MAX_TASKS_PER_SUBMISSION}`;
    problems.push({ at: tasks.keyAt, message });
    return [];
  }
  return Array.from(whileFew(problems, items ?? []), (item) => readTask(item, problems) ?? []).flat();
}

function readTask(value: Value, problems: Problem[]): PlacedTask | undefined {
  const entries = entriesOf(value, { what: 'a task', keys: TASK_KEYS }, problems);
  if (entries === undefined) return undefined;
  const id = readId(entries, value.at, problems);
  const title = readText(entries, { key: 'title', max: limits.MAX_LINE_CHARS }, problems);
  const prompt = readText(entries, { key: 'prompt', max: limits.MAX_WORK_CHARS }, problems);
  const run = readText(entries, { key: 'run', max: limits.MAX_WORK_CHARS }, problems);
  if (!entries.has('prompt') && !entries.has('run')) {
    const message = `${nameOf(id)} has nothing to do; add \`run\` (a shell command) or \`prompt\` (work for a model)`;
    problems.push({ at: id.at, message });
  }
  const requires = readNames(entries, { key: 'requires', max: limits.MAX_CAPABILITIES }, problems);
  const dependsOn = readNames(entries, { key: 'dependsOn', max: limits.MAX_DEPENDENCIES }, problems);
  const timeoutMs = readTimeout(entries, problems);
  const retries = readInteger(entries, { key: 'retries', min: 0, max: limits.MAX_ATTEMPTS - 1 }, problems);
  const spec: TaskSpec = {
    id: id.text,
    title: title ?? id.text,
    ...(prompt === undefined ? {} : { prompt }),
    ...(run === undefined ? {} : { run }),
    requires: requires.map(({ text }) => text),
    priority: readPriority(entries, problems),
    dependsOn: dependsOn.map(({ text }) => text),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retries === undefined ? {} : { retries }),
    env: readEnv(entries, problems),
    ...readModelWork(entries, problems),
  };
  return { spec, at: id.at, dependsOn, requires };
}

function nameOf(id: Placed): string {
  return id.text === '' ? 'this task' : `task ${quoted(id.text)}`;
}

function readId(entries: Entries, taskAt: number, problems: Problem[]): Placed {
  const entry = entries.get('id');
  if (entry === undefined || entry.value.kind !== 'scalar') {
    problems.push({
      at: entry?.keyAt ?? taskAt,
      message: 'this task has no `id`; give it a name of its own',
    });
    return { text: '', at: taskAt };
  }
  const { text, at } = entry.value;
  if (!isId(text)) {
    const message = `${quoted(text)} cannot be an id; use 1 to 64 of the characters A-Z a-z 0-9 . _ -`;
    problems.push({ at, message });
  }
  return { text, at };
}

function readText(
  entries: Entries,
  { key, max }: { readonly key: string; readonly max: number },
  problems: Problem[],
): string | undefined {
  const entry = entries.get(key);
  if (entry === undefined) return undefined;
  const { value, keyAt } = entry;
  if (value.kind !== 'scalar' || value.text.trim() === '') {
    const came = value.kind === 'scalar' ? 'only blanks' : kindName(value);
    problems.push({
      at: keyAt,
      message: `\`${key}\` must be text, and is ${came}; write it after the colon, or \`${key}: |\` and lines below`,
    });
    return undefined;
  }
  const message = faultOfText(value.text, key, max);
  if (message !== undefined) problems.push({ at: value.at, message });
  return value.text;
}

function faultOfText(text: string, key: string, max: number): string | undefined {
  if (text.includes('\0')) return `\`${key}\` holds a NUL character, which no command can take; remove it`;
  if (text.length > max)
    return `\`${key}\` has ${text.length} characters, ${max} are allowed; put it into a file and name that`;
  return undefined;
}

function readNames(
  entries: Entries,
  { key, max }: { readonly key: string; readonly max: number },
  problems: Problem[],
): readonly Placed[] {
  const entry = entries.get(key);
  if (entry === undefined) return [];
  const items = listOf(entry.value, `\`${key}\``, problems) ?? [];
  if (items.length > max)
    problems.push({ at: entry.keyAt, message: `\`${key}\` has ${items.length} items, ${max} are allowed` });
  const names = new Map<string, Placed>();
  for (const item of whileFew(problems, items)) {
    const fault = item.kind !== 'scalar' || item.text.trim() === '' || item.text.length > MAX_NAME_CHARS;
    if (fault)
      problems.push({
        at: item.at,
        message: `\`${key}\` lists names of 1 to ${MAX_NAME_CHARS} characters, this is ${kindName(item)}`,
      });
    else names.set(item.text, { text: item.text, at: item.at });
  }
  return [...names.values()];
}

const MAX_NAME_CHARS = 128;

function readPriority(entries: Entries, problems: Problem[]): Priority {
  const entry = entries.get('priority');
  if (entry === undefined) return 'normal';
  const text = entry.value.kind === 'scalar' ? entry.value.text : '';
  const priority = PRIORITIES.find((name) => name === text);
  if (priority === undefined) {
    const message = `${quoted(text)} is no priority; ${suggestion(text, PRIORITIES)}`;
    problems.push({ at: entry.value.at, message });
  }
  return priority ?? 'normal';
}

function readTimeout(entries: Entries, problems: Problem[]): number | undefined {
  const entry = entries.get('timeout');
  if (entry === undefined) return undefined;
  const { value } = entry;
  const timeoutMs = value.kind === 'scalar' ? parseDuration(value.value) : undefined;
  if (timeoutMs !== undefined && timeoutMs >= 1 && timeoutMs <= limits.MAX_TIMEOUT_MS) return timeoutMs;
  const came = value.kind === 'scalar' ? quoted(value.text) : kindName(value);
  const message = `\`timeout\` is ${came}; give seconds (\`90\`) or a number with ms, s, m or h (\`5m\`), above 0 and up to 7 days`;
  problems.push({ at: value.at, message });
  return undefined;
}

function readInteger(
  entries: Entries,
  { key, min, max }: { readonly key: string; readonly min: number; readonly max: number },
  problems: Problem[],
): number | undefined {
  const entry = entries.get(key);
  if (entry === undefined) return undefined;
  const { value } = entry;
  const count = value.kind === 'scalar' ? value.value : undefined;
  if (typeof count === 'number' && Number.isInteger(count) && count >= min && count <= max) return count;
  const message = `\`${key}\` is ${kindName(value)}; give a whole number from ${min} to ${max}`;
  problems.push({ at: value.at, message });
  return undefined;
}

type ModelWork = Pick<TaskSpec, 'model' | 'maxTurns' | 'maxTokens' | 'maxCostMicros'>;

/** What only executors of prompts look at. */
function readModelWork(entries: Entries, problems: Problem[]): ModelWork {
  const model = readText(entries, { key: 'model', max: MAX_NAME_CHARS }, problems);
  const maxTurns = readInteger(entries, { key: 'maxTurns', min: 1, max: limits.MAX_TURNS }, problems);
  const maxTokens = readInteger(entries, { key: 'maxTokens', min: 1, max: limits.MAX_USAGE }, problems);
  const maxCostMicros = readCost(entries, problems);
  return {
    ...(model === undefined ? {} : { model }),
    ...(maxTurns === undefined ? {} : { maxTurns }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(maxCostMicros === undefined ? {} : { maxCostMicros }),
  };
}

function readCost(entries: Entries, problems: Problem[]): number | undefined {
  const entry = entries.get('maxCostUsd');
  if (entry === undefined) return undefined;
  const { value } = entry;
  const usd = value.kind === 'scalar' ? value.value : undefined;
  const micros = typeof usd === 'number' && usd > 0 && Number.isFinite(usd) ? microsOf(usd) : 0;
  if (micros >= 1 && micros <= limits.MAX_USAGE) return micros;
  const message = `\`maxCostUsd\` is ${kindName(value)}; give an amount of dollars, such as \`0.5\``;
  problems.push({ at: value.at, message });
  return undefined;
}

function readEnv(entries: Entries, problems: Problem[]): Readonly<Record<string, string>> {
  const entry = entries.get('env');
  if (entry === undefined) return {};
  if (entry.value.kind !== 'map') {
    const message = `\`env\` must be a map of variables, and is ${kindName(entry.value)}; write \`env: { NAME: value }\``;
    problems.push({ at: entry.keyAt, message });
    return {};
  }
  const variables = entry.value.entries;
  if (variables.length > limits.MAX_ENV_VARIABLES) {
    const message = `\`env\` has ${variables.length} variables, ${limits.MAX_ENV_VARIABLES} are allowed`;
    problems.push({ at: entry.keyAt, message });
  }
  return Object.fromEntries(
    Array.from(whileFew(problems, variables), (variable) => [variable.key, readVariable(variable, problems)]),
  );
}

function readVariable({ key, keyAt, value }: MapEntry, problems: Problem[]): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key)) {
    problems.push({
      at: keyAt,
      message: `${quoted(key)} cannot be a variable; use letters, digits and _, no digit first`,
    });
  } else if (!mayBeSet(key)) {
    problems.push({
      at: keyAt,
      message: `${quoted(key)} would run code before the first line of the task; do in \`run\` what it was meant for`,
    });
  }
  if (value.kind !== 'scalar') {
    problems.push({
      at: keyAt,
      message: `the variable ${quoted(key)} must be text, and is ${kindName(value)}; quote it, or write ""`,
    });
    return '';
  }
  const message = faultOfText(value.text, key, limits.MAX_ENV_CHARS);
  if (message !== undefined) problems.push({ at: value.at, message });
  return value.text;
}

function entriesOf(
  value: Value,
  { what, keys }: { readonly what: string; readonly keys: readonly string[] },
  problems: Problem[],
): Entries | undefined {
  if (value.kind !== 'map') {
    problems.push({
      at: value.at,
      message: `${what} must be a map of \`key: value\` lines, and this is ${kindName(value)}`,
    });
    return undefined;
  }
  for (const { key, keyAt } of whileFew(problems, value.entries)) {
    if (keys.includes(key)) continue;
    const meant = OTHER_NAMES[key];
    const hint =
      meant !== undefined && keys.includes(meant) ? `did you mean ${quoted(meant)}?` : suggestion(key, keys);
    problems.push({ at: keyAt, message: `${what} has no key ${quoted(key)}; ${hint}` });
  }
  return new Map(value.entries.map((entry) => [entry.key, entry]));
}

function listOf(value: Value, what: string, problems: Problem[]): readonly Value[] | undefined {
  if (value.kind === 'list') return value.items;
  problems.push({
    at: value.at,
    message: `${what} must be a list, and is ${kindName(value)}; begin each item with \`- \``,
  });
  return undefined;
}

function kindName(value: Value): string {
  if (value.kind === 'scalar') return quoted(value.text);
  return { empty: 'empty', list: 'a list', map: 'a map' }[value.kind];
}
