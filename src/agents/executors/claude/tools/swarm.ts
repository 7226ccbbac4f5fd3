import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SwarmError } from '../../../../protocol/errors.ts';
import {
  MAX_NOTE_CHARS,
  MAX_PATTERN_CHARS,
  MAX_PATTERNS,
  MAX_WORK_CHARS,
} from '../../../../protocol/limits.ts';
import { clip } from '../../../../tasks/clip.ts';
import type { TaskDetail } from '../../../../tasks/task.ts';
import { usdText } from '../../../../tasks/usage.ts';
import type { SwarmGlance, SwarmTools, TaskDraft } from '../../port.ts';
import { type AgentTool, defineTool } from './tool.ts';

const MAX_TASKS = 50;
const MAX_ASKED = 50;
/** Of what another task said: enough to go on with. */
const MAX_OUTPUT_CHARS = 8_000;
const MAX_WAIT_SECONDS = 300;
/** Between two looks at a task that somebody waits for. */
const LOOK_AGAIN_MS = 500;

export interface SwarmAccess {
  readonly swarm: SwarmTools;
  readonly taskId: string;
  /** An agent that may run commands may have others run them; who may not, may not that way either. */
  readonly shell: 'open' | 'closed';
}

export function swarmTools(access: SwarmAccess): readonly AgentTool[] {
  return [statusTool(access), submitTool(access), noteTool(access), reserveTool(access), releaseTool(access)];
}

function statusTool({ swarm, taskId }: SwarmAccess): AgentTool {
  return defineTool({
    name: 'swarm_status',
    description:
      'Shows the swarm: coordinator, instances, reservations, how many tasks are in which state. With task_ids, shows those tasks and what they said; with wait_seconds it waits for them to end.',
    input: z.object({
      task_ids: z.array(z.string()).max(MAX_ASKED).optional(),
      wait_seconds: z.int().min(0).max(MAX_WAIT_SECONDS).optional(),
    }),
    async run({ task_ids = [], wait_seconds = 0 }, { signal }) {
      if (task_ids.length === 0) return overview(await swarm.status());
      if (wait_seconds > 0 && task_ids.includes(taskId)) {
        throw new SwarmError(
          'BAD_INPUT',
          `${taskId} is the task you work on: it does not end while you wait for it`,
        );
      }
      const tasks = await settled(swarm, task_ids, {
        until: performance.now() + wait_seconds * 1000,
        signal,
      });
      return tasks
        .map(({ id, task }) => (task === undefined ? `${id}: no such task` : inWords(task)))
        .join('\n\n');
    },
  });
}

interface Asked {
  readonly id: string;
  readonly task: TaskDetail | undefined;
}

async function settled(
  swarm: SwarmTools,
  ids: readonly string[],
  { until, signal }: { readonly until: number; readonly signal: AbortSignal },
): Promise<readonly Asked[]> {
  for (;;) {
    const isLast = performance.now() >= until;
    const tasks = await lookAt(swarm, ids, isLast ? 'last look' : 'one of many');
    if (tasks !== undefined && (isLast || tasks.every(({ task }) => isSettled(task)))) return tasks;
    await delay(Math.min(LOOK_AGAIN_MS, Math.max(0, until - performance.now())), undefined, { signal });
  }
}

/** Undefined when nobody can be asked now: while a coordinator is elected, who waits goes on waiting. */
async function lookAt(
  swarm: SwarmTools,
  ids: readonly string[],
  look: 'last look' | 'one of many',
): Promise<readonly Asked[] | undefined> {
  try {
    return await Promise.all(ids.map(async (id) => ({ id, task: await swarm.task(id) })));
  } catch (error) {
    if (look === 'one of many' && error instanceof SwarmError && error.code !== 'STOPPED') return undefined;
    throw error;
  }
}

/** Nothing more comes of it by itself. */
function isSettled(task: TaskDetail | undefined): boolean {
  return task === undefined || ['completed', 'failed', 'cancelled', 'blocked', 'parked'].includes(task.state);
}

function inWords({ id, title, state, agent, output, reason }: TaskDetail): string {
  const by = agent === null ? '' : ` by ${agent}`;
  const why = reason === '' ? '' : `: ${reason}`;
  const cut = output.length > MAX_OUTPUT_CHARS ? `${clip(output, MAX_OUTPUT_CHARS)}\n[cut]` : output;
  return [`${id} (${title}) is ${state}${by}${why}`, ...(cut === '' ? [] : ['what it said:', cut])].join(
    '\n',
  );
}

function overview({
  coordinator,
  term,
  paused,
  counts,
  instances,
  reservations,
  usage,
}: SwarmGlance): string {
  const states = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    `coordinator: ${coordinator ?? 'none elected now'}, term ${term}${paused === null ? '' : `; paused: ${paused}`}`,
    `tasks: ${states.map(([state, count]) => `${count} ${state}`).join(', ') || 'none'}`,
    `used up: ${usage.turns} turns, ${usdText(usage.costMicros)}`,
    ...instances.map(
      ({ id, agent, busy, capabilities }) =>
        `instance ${id} (${agent}): ${busy} tasks at work; can ${capabilities.join(', ') || 'nothing special'}`,
    ),
    ...reservations.map(
      ({ id, holder, mode, paths }) => `reservation ${id} (${mode}) of ${holder}: ${paths.join(', ')}`,
    ),
  ].join('\n');
}

const draft = z.object({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  title: z.string().max(500).optional(),
  prompt: z.string().min(1).max(MAX_WORK_CHARS).optional().describe('work for an agent'),
  run: z
    .string()
    .min(1)
    .max(MAX_WORK_CHARS)
    .optional()
    .describe('a shell command, for agents that may run any'),
  requires: z.array(z.string()).max(20).optional().describe('capabilities that the worker must have'),
  priority: z.enum(['critical', 'high', 'medium', 'normal', 'low']).optional(),
  depends_on: z.array(z.string()).max(MAX_TASKS).optional().describe('tasks that must be completed first'),
});

function submitTool({ swarm, shell }: SwarmAccess): AgentTool {
  return defineTool({
    name: 'task_submit',
    description:
      'Submits tasks for other instances of the swarm, all or none. Ids must be new. Use swarm_status with task_ids to see what became of them.',
    input: z.object({ tasks: z.array(draft).min(1).max(MAX_TASKS) }),
    async run({ tasks }, { key }) {
      if (shell === 'closed' && tasks.some(({ run }) => run !== undefined)) {
        throw new SwarmError(
          'BAD_INPUT',
          'this agent may not run commands, nor have them run; say in prompt what is to be done',
        );
      }
      const idle = tasks.find(({ run, prompt }) => run === undefined && prompt === undefined);
      if (idle !== undefined) throw new SwarmError('BAD_INPUT', `task ${idle.id} needs a prompt`);
      const ids = await swarm.submit(tasks.map(specOf), key);
      return `submitted: ${ids.join(', ')}`;
    },
  });
}

function specOf({
  id,
  title,
  prompt,
  run,
  requires,
  priority,
  depends_on,
}: z.output<typeof draft>): TaskDraft {
  return {
    id,
    ...(title === undefined ? {} : { title }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(run === undefined ? {} : { run }),
    ...(requires === undefined ? {} : { requires }),
    ...(priority === undefined ? {} : { priority }),
    ...(depends_on === undefined ? {} : { dependsOn: depends_on }),
  };
}

function noteTool({ swarm }: SwarmAccess): AgentTool {
  return defineTool({
    name: 'task_note',
    description:
      'Leaves a note with your task: for people who watch, and for whoever goes on with it should you not come to the end.',
    input: z.object({ text: z.string().min(1).max(MAX_NOTE_CHARS) }),
    async run({ text }) {
      await swarm.note(text);
      return 'noted';
    },
  });
}

function reserveTool({ swarm }: SwarmAccess): AgentTool {
  return defineTool({
    name: 'reserve_files',
    description:
      'Reserves paths of the repository (globs such as src/wal/**) so that no other instance writes them: all of them or none, until you release them or your task ends.',
    input: z.object({
      paths: z.array(z.string().min(1).max(MAX_PATTERN_CHARS)).min(1).max(MAX_PATTERNS),
      mode: z.enum(['exclusive', 'shared']).optional().describe('default exclusive'),
    }),
    async run({ paths, mode = 'exclusive' }) {
      return `reserved as ${await swarm.reserve(paths, mode)}`;
    },
  });
}

function releaseTool({ swarm }: SwarmAccess): AgentTool {
  return defineTool({
    name: 'release_files',
    description: 'Gives back a reservation of yours.',
    input: z.object({ reservation_id: z.string().min(1).max(128) }),
    async run({ reservation_id }) {
      await swarm.release(reservation_id);
      return 'released';
    },
  });
}
