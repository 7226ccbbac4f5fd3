import { z } from 'zod';
import { type FieldRule, type Fields, readValue } from './field.ts';

/** The `hooks` of an agent file. Scripts are text here; nothing runs or expands them. */
export interface AgentHooks {
  /** Bash scripts to run before a task, in order. */
  readonly pre: readonly string[];
  /** Bash scripts to run after a task, whatever came of it. */
  readonly post: readonly string[];
  /** Claude Code's own events (`PreToolUse`, …), as they stand in the file. */
  readonly claudeCode: Readonly<Record<string, unknown>>;
  /** Any other key, as it stands in the file; nobody here runs it. */
  readonly other: Readonly<Record<string, unknown>>;
}

const STAGES: ReadonlyMap<string, 'pre' | 'post'> = new Map([
  ['pre', 'pre'],
  ['pre_task', 'pre'],
  ['pre_execution', 'pre'],
  ['post', 'post'],
  ['post_task', 'post'],
  ['post_execution', 'post'],
]);

/** Events are told by their shape: Claude Code gains new ones more often than we are released. */
const CLAUDE_CODE_EVENT = /^[A-Z][A-Za-z]+$/;

/** An error: an agent must not work without the check that its author put before the work. */
const SCRIPTS: FieldRule<string[]> = {
  schema: z
    .union([z.string(), z.array(z.string().nullable())])
    .transform((value) => (typeof value === 'string' ? [value] : value).flatMap((script) => script ?? []))
    .transform((scripts) => scripts.filter((script) => script.trim() !== '')),
  expected: 'a script or a list of scripts (quote a script that holds `: `)',
  severity: 'error',
  code: 'invalid-hook',
};

const hooksMap = z.record(z.string(), z.unknown());

export function readHooks(fields: Fields): AgentHooks {
  const pre: string[] = [];
  const post: string[] = [];
  const claudeCode: [string, unknown][] = [];
  const other: [string, unknown][] = [];
  for (const [key, value] of Object.entries(hooksOf(fields))) {
    const stage = STAGES.get(key);
    if (stage !== undefined) {
      (stage === 'pre' ? pre : post).push(...scriptsOf(fields, key, value));
      if (key !== stage) reportAlias(fields, key, stage);
    } else if (CLAUDE_CODE_EVENT.test(key)) claudeCode.push([key, value]);
    else {
      other.push([key, value]);
      reportNotRun(fields, key);
    }
  }
  return { pre, post, claudeCode: Object.fromEntries(claudeCode), other: Object.fromEntries(other) };
}

function hooksOf(fields: Fields): Record<string, unknown> {
  const value = fields.values.hooks;
  if (value === undefined || value === null) return {};
  const hooks = hooksMap.safeParse(value);
  if (hooks.success) return hooks.data;
  fields.report({
    at: fields.valueAt('hooks'),
    severity: 'warning',
    code: 'ignored-hooks',
    message:
      'hooks are a map with keys such as `pre` and `post`; this is something else, and nothing of it runs',
    hint: 'write `hooks:` and below it `pre: |` with the script',
  });
  return {};
}

function scriptsOf(fields: Fields, key: string, value: unknown): string[] {
  return value === null ? [] : (readValue(fields, ['hooks', key], value, SCRIPTS) ?? []);
}

function reportAlias(fields: Fields, key: string, stage: string): void {
  fields.report({
    at: fields.keyAt('hooks', key),
    severity: 'info',
    code: 'hook-alias',
    message: `\`${key}\` is read as \`${stage}\``,
    hint: `\`${stage}\` is the plain name; nothing needs to change`,
  });
}

function reportNotRun(fields: Fields, key: string): void {
  fields.report({
    at: fields.keyAt('hooks', key),
    severity: 'info',
    code: 'hook-not-run',
    message: `\`${key}\` is kept but never run: only \`pre\` and \`post\` are`,
    hint: 'move what must run into `pre` or `post`',
  });
}
