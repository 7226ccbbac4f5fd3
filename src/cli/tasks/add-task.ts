import { randomBytes, randomUUID } from 'node:crypto';
import { mayBeSet } from '../../hooks/environment.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { readTaskFile } from '../../swarm/task-file.ts';
import type { TaskCommand, TaskSpec } from '../../tasks/command.ts';
import { parseCommand } from '../../tasks/schema.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { recordOf } from './records.ts';
import type { AddOptions } from './task-options.ts';

export async function addTask(id: string | undefined, options: AddOptions): Promise<void> {
  const tasks = options.file === undefined ? [singleTask(id, options)] : readTaskFile(options.file).tasks;
  if (options.file !== undefined && id !== undefined) {
    throw new SwarmError('BAD_INPUT', 'give either an id or --file: the tasks of a file have their ids');
  }
  const command = parseCommand({ kind: 'submit', key: options.key ?? randomUUID(), tasks });
  await withSwarm(options, async (client) => {
    const submit = command as Extract<TaskCommand, { kind: 'submit' }>;
    const { taskIds, repeated } = await client.execute(submit, { timeoutMs: options.timeout });
    if (!options.json) {
      for (const taskId of taskIds) printLine(repeated ? `${taskId} (submitted before)` : taskId);
      return;
    }
    const records = await Promise.all(taskIds.map((taskId) => recordOf(client, taskId, options)));
    printJson(options.file === undefined ? records[0] : records);
  });
}

function singleTask(id: string | undefined, options: AddOptions): Partial<TaskSpec> {
  const { run, prompt, title, requires, priority, dependsOn, taskTimeout, retries, env, gate } = options;
  const { model, maxTurns, maxTokens, maxCostUsd } = options;
  if (run === undefined && prompt === undefined) {
    throw new SwarmError('BAD_INPUT', 'a task needs work: give --run COMMAND or --prompt TEXT, or --file');
  }
  const given = {
    id: id ?? `task-${randomBytes(4).toString('hex')}`,
    run,
    prompt,
    title,
    requires,
    priority: priority as TaskSpec['priority'] | undefined,
    dependsOn,
    timeoutMs: taskTimeout,
    retries,
    env: env === undefined ? undefined : Object.fromEntries(env.map(parseVariable)),
    gate,
    model,
    maxTurns,
    maxTokens,
    maxCostMicros: maxCostUsd,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function parseVariable(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new SwarmError('BAD_INPUT', `--env takes NAME=VALUE, not "${text}"`);
  const name = text.slice(0, at);
  if (!mayBeSet(name)) {
    throw new SwarmError(
      'BAD_INPUT',
      `${name} cannot be set for a task: it is no name, or would run code before the task`,
    );
  }
  return [name, text.slice(at + 1)];
}
