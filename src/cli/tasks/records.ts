import { SwarmError } from '../../protocol/errors.ts';
import type { SwarmClient } from '../../swarm/client.ts';
import type { ResultValues, TaskCommand } from '../../tasks/command.ts';
import { parseCommand } from '../../tasks/schema.ts';
import type { TaskDetail } from '../../tasks/task.ts';
import type { ReachOptions } from '../options.ts';

/** Checks a command made of a person's words, and carries it out. */
export function execute<C extends TaskCommand>(
  client: SwarmClient,
  command: C,
  { timeout }: ReachOptions,
): Promise<ResultValues[C['kind']]> {
  return client.execute(parseCommand(command) as C, { timeoutMs: timeout });
}

/** @throws SwarmError UNKNOWN_TASK */
export async function recordOf(
  client: SwarmClient,
  id: string,
  { timeout }: ReachOptions,
): Promise<TaskDetail> {
  const task = await client.query({ kind: 'task', id }, { timeoutMs: timeout });
  if (task === null)
    throw new SwarmError('UNKNOWN_TASK', `there is no task ${id}; see "raft-manager task list"`);
  return task;
}
