import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { TaskSpec } from '../../tasks/command.ts';
import { microsOf } from '../../tasks/usage.ts';
import { defineTool } from '../tool.ts';
import { taskId } from './fields.ts';

const task = z.strictObject({
  id: taskId.optional(),
  title: z.string().optional(),
  prompt: z.string().optional().describe('work for a model'),
  run: z.string().optional().describe('work for a shell'),
  requires: z.array(z.string()).optional().describe('capabilities the worker must have'),
  dependsOn: z.array(z.string()).optional().describe('task ids to be completed before'),
  priority: z.enum(['critical', 'high', 'normal', 'low']).optional(),
  retries: z.int().min(0).optional(),
  timeoutMs: z.int().positive().optional(),
  model: z.string().optional(),
  maxCostUsd: z.number().positive().optional(),
});

type Wanted = z.output<typeof task>;

export const taskSubmit = defineTool({
  name: 'task_submit',
  title: 'Submit tasks',
  description:
    'Adds tasks to the swarm, all or none; each needs a prompt or a run. They are done by whoever is able to. Follow them with task_list.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    tasks: z.array(task).min(1),
    key: z.string().optional().describe('repeating a call under one key submits once'),
  }),
  output: z.object({ taskIds: z.array(z.string()), repeated: z.boolean() }),
  async run({ key = randomUUID(), tasks }, { session }) {
    const specs = tasks.map(specOf);
    // The log's own schema fills in the defaults.
    const submitted = await session.execute({ kind: 'submit', key, tasks: specs as readonly TaskSpec[] });
    const ids = submitted.taskIds.join(', ');
    return {
      data: { taskIds: [...submitted.taskIds], repeated: submitted.repeated },
      text: submitted.repeated ? `submitted before under this key: ${ids}` : `submitted: ${ids}`,
    };
  },
});

function specOf({ id, maxCostUsd, ...rest }: Wanted): Partial<TaskSpec> {
  if (rest.prompt === undefined && rest.run === undefined) {
    throw new SwarmError('BAD_INPUT', `task ${id ?? rest.title ?? ''} needs work: a prompt or a run`);
  }
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    id: id ?? `task-${randomBytes(4).toString('hex')}`,
    ...Object.fromEntries(given),
    ...(maxCostUsd === undefined ? {} : { maxCostMicros: microsOf(maxCostUsd) }),
  };
}
