import type { ReachOptions } from '../options.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { execute, recordOf } from './records.ts';
import type { ReasonOptions } from './task-options.ts';
import { claimantName } from './whoami.ts';

export async function cancelTask(id: string, options: ReasonOptions): Promise<void> {
  await withSwarm(options, async (client) => {
    await execute(client, { kind: 'cancel', taskId: id, reason: options.reason }, options);
    if (options.json) printJson(await recordOf(client, id, options));
    else printLine(`${id} is cancelled`);
  });
}

export async function retryTask(id: string, options: ReachOptions): Promise<void> {
  await withSwarm(options, async (client) => {
    const { taskIds } = await execute(client, { kind: 'retry', taskId: id }, options);
    if (options.json) printJson(await recordOf(client, id, options));
    else printLine(`queued again: ${taskIds.join(', ')}`);
  });
}

export async function approveTask(
  id: string,
  options: ReachOptions & { readonly as?: string },
): Promise<void> {
  await withSwarm(options, async (client) => {
    await execute(client, { kind: 'approve', taskId: id, by: claimantName(options.as) }, options);
    if (options.json) printJson(await recordOf(client, id, options));
    else printLine(`${id} may run`);
  });
}
