import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { TaskDetail, TaskJson } from '../../tasks/task.ts';
import { defineTool } from '../tool.ts';
import { taskId } from './fields.ts';

const STATES = [
  ...(['queued', 'assigned', 'running', 'completed'] as const),
  ...(['failed', 'cancelled', 'blocked', 'parked'] as const),
] as const;

/** The end says how it went; all of it is in the resource swarm://tasks/ID. */
const MAX_OUTPUT_SHOWN = 8_000;

export const taskList = defineTool({
  name: 'task_list',
  title: 'List tasks',
  description: 'The latest tasks and their states; with a taskId that one with its work, notes and output.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.strictObject({
    taskId: taskId.optional(),
    state: z.array(z.enum(STATES)).optional(),
    limit: z.int().min(1).max(500).default(30),
  }),
  output: z.object({
    tasks: z.array(z.object({ taskId: z.string(), state: z.string(), title: z.string() })),
    total: z.int(),
  }),
  async run({ limit, state, taskId: id }, { session }) {
    if (id !== undefined) {
      const task = await session.query({ kind: 'task', id });
      if (task === null) throw new SwarmError('UNKNOWN_TASK', `there is no task ${id}`);
      return { data: { tasks: [detailOf(task)], total: 1 }, text: detailText(task) };
    }
    const all = await session.query({ kind: 'tasks' });
    const wanted = state === undefined ? all : all.filter((task) => state.includes(task.state));
    const shown = wanted.slice(-limit);
    const lines = shown.map(lineOf).join('; ') || 'no tasks';
    const more = wanted.length > shown.length ? `; and ${wanted.length - shown.length} before these` : '';
    return { data: { tasks: shown.map(rowOf), total: wanted.length }, text: lines + more };
  },
});

function rowOf({ id, title, state, agent, fence, attempts, reason }: TaskJson) {
  return { taskId: id, title, state, agent, fence, attempts, reason };
}

function lineOf({ id, state, agent, reason }: TaskJson): string {
  const who = agent === null || state === 'queued' ? '' : ` by ${agent}`;
  return `${id} ${state}${who}${reason === '' ? '' : ` (${reason})`}`;
}

function detailOf(task: TaskDetail) {
  const { code, dependsOn, exitCode, notes, prompt, requires, run } = task;
  const output = outputOf(task);
  const told = notes.map(({ agent, at, text }) => ({ agent, at, text }));
  return { ...rowOf(task), prompt, run, requires, dependsOn, exitCode, code, notes: told, output };
}

function detailText(task: TaskDetail): string {
  const output = outputOf(task);
  const said = output === '' ? 'no output' : `output ${JSON.stringify(output)}`;
  const notes = task.notes.map(({ agent, text }) => `note by ${agent} ${JSON.stringify(text)}`);
  return [lineOf(task), JSON.stringify(task.title), said, ...notes].join('; ');
}

function outputOf({ output }: TaskDetail): string {
  return output.length <= MAX_OUTPUT_SHOWN ? output : `…${output.slice(-MAX_OUTPUT_SHOWN)}`;
}
