import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { TaskFence } from '../../tasks/command.ts';
import type { Session } from '../session.ts';
import { defineTool } from '../tool.ts';
import { fence, taskId } from './fields.ts';

const input = z.strictObject({
  taskId,
  action: z.enum(['note', 'renew', 'complete', 'fail', 'release', 'cancel']),
  fence: fence.optional().describe('from task_next; only cancel goes without'),
  text: z.string().default('').describe('the note, the result, or the reason'),
  next: z.enum(['retry', 'final', 'park']).default('retry').describe('after fail; park: a person must look'),
});

type Update = z.output<typeof input>;

export const taskUpdate = defineTool({
  name: 'task_update',
  title: 'Update a task',
  description:
    'Says how a task goes or ended: note, renew, complete, fail, release (give it back unfinished), cancel (anybody’s). Repeating complete or fail with the same fence is safe.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input,
  output: z.object({ taskId: z.string(), state: z.string() }),
  async run(update, { session }) {
    const state = await carryOut(update, session);
    return { data: { taskId: update.taskId, state }, text: `${update.taskId} is ${state}` };
  },
});

/** Returns what the task is then. */
async function carryOut(update: Update, session: Session): Promise<string> {
  const { action, text } = update;
  if (action === 'cancel') {
    await session.execute({ kind: 'cancel', taskId: update.taskId, reason: text });
    return 'cancelled';
  }
  const held = fenceOf(update);
  switch (action) {
    case 'note':
      await session.execute({ kind: 'note', ...held, text });
      return 'running';
    case 'renew':
      return renew(held, session);
    case 'complete':
      await session.execute({ kind: 'complete', ...held, output: text, hooks: [] });
      return 'completed';
    case 'release':
      await session.execute({ kind: 'release', ...held, reason: text });
      return 'queued';
    case 'fail': {
      const { next } = update;
      const failed = { ...held, reason: lineOf(text), next, output: text, hooks: [] };
      return (await session.execute({ kind: 'fail', ...failed })).state;
    }
  }
}

async function renew(held: TaskFence, session: Session): Promise<string> {
  const { stale } = await session.execute({ kind: 'renew', tasks: [held], reservations: [] });
  for (const { why } of stale) throw new SwarmError('STALE_FENCE', why);
  return 'running';
}

/** @throws SwarmError BAD_INPUT */
function fenceOf({ action, fence: given, taskId: id }: Update): TaskFence {
  if (given !== undefined) return { taskId: id, fence: given };
  throw new SwarmError('BAD_INPUT', `${action} needs the fence that task_next gave with ${id}`);
}

/** A reason is one line; all of it is kept as output. */
function lineOf(text: string): string {
  const [first = ''] = text.trim().split('\n');
  return first === '' ? 'given up' : first.slice(0, 300);
}
