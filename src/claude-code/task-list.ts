import { createHash } from 'node:crypto';
import { isId } from '../protocol/ids.ts';
import { MAX_LINE_CHARS, MAX_WORK_CHARS } from '../protocol/limits.ts';
import type { SubmitCommand } from '../tasks/command.ts';
import { type HookInput, textOf } from './input.ts';

/** An entry of Claude Code's own task list, as the swarm's log knows it. */
export interface ListedTask {
  readonly id: string;
  readonly title: string;
  readonly prompt: string;
}

/**
 * The task that an event speaks of; undefined when it names none.
 *
 * Claude Code counts its tasks from 1 in every list, and begins anew when a session is resumed: so the id here also
 * says which list, and what the task is called. Who shares a list (a team, or sessions that were told to) shares the
 * task.
 */
export function taskOf(
  { sessionId, fields }: HookInput,
  environment: Readonly<Record<string, string | undefined>>,
): ListedTask | undefined {
  const number = textOf(fields, 'task_id');
  const subject = textOf(fields, 'task_subject');
  if (number === undefined || subject === undefined) return undefined;
  const list = textOf(fields, 'team_name') ?? environment.CLAUDE_CODE_TASK_LIST_ID ?? sessionId;
  const description = textOf(fields, 'task_description');
  const prompt = description === undefined ? subject : `${subject}\n\n${description}`;
  const digest = createHash('sha256').update(`${list}\n${number}\n${subject}`).digest('hex').slice(0, 12);
  const stem = isId(number) ? `claude-${number.slice(0, 16)}` : 'claude';
  return {
    id: `${stem}-${digest}`,
    title: subject.slice(0, MAX_LINE_CHARS),
    prompt: prompt.slice(0, MAX_WORK_CHARS),
  };
}

/** Its id is its idempotency key. */
export function submissionOf({ id, title, prompt }: ListedTask): SubmitCommand {
  const task = { id, title, prompt, requires: [], priority: 'normal', dependsOn: [], env: {} } as const;
  return { kind: 'submit', key: `claude-code:${id}`, tasks: [task] };
}
