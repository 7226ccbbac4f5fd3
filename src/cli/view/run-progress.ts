import type { Notice } from '../../swarm/port.ts';
import type { TaskEvent } from '../../tasks/event.ts';
import { noTasks, type StateCounts, type TaskJson } from '../../tasks/task.ts';
import { addUsage, NO_USAGE, type Usage } from '../../tasks/usage.ts';
import type { OutputLine, RunEvent, RunView } from './run-view.ts';
import { plainLines } from './text.ts';

/** Lines of output kept for the live view. */
const KEPT_LINES = 20;

/** Lines of one attempt that are told; the record has them all. */
const MAX_TOLD_LINES = 50;

type TaskChange = Extract<TaskEvent, { readonly type: 'task' }>;

/** Follows a run through what the log says, and knows at any moment what there is to show. */
export class RunProgress {
  readonly #swarm: string;
  readonly #startedAt: number;
  readonly #tasks = new Map<string, TaskJson>();
  #coordinator: string | undefined;
  #term = 0;
  #elections = 0;
  #nodes: RunView['nodes'] = [];
  #output: readonly OutputLine[] = [];
  /** Lines that attempts under way have said already, by task. */
  readonly #heard = new Map<string, Set<string>>();
  #phase: RunView['phase'] = 'working';

  /** All times are wall clock in ms, like those of the task records. */
  constructor({ swarm, startedAt }: { readonly swarm: string; readonly startedAt: number }) {
    this.#swarm = swarm;
    this.#startedAt = startedAt;
  }

  /** Takes in one notice and tells what it means to people, in order. */
  take(notice: Notice): readonly RunEvent[] {
    if (notice.type === 'role') return this.#takeRole(notice.status);
    if (notice.type === 'restored') return [];
    for (const task of notice.tasks) this.#tasks.set(task.id, task);
    const events = notice.events.flatMap((event) => this.#tell(event));
    const printed = events.filter((event) => event.type === 'output');
    this.#output = [...this.#output, ...printed].slice(-KEPT_LINES);
    return events;
  }

  /** Replaces what is known of all tasks: at the start, and after notices may have been missed. */
  setTasks(tasks: readonly TaskJson[]): void {
    this.#tasks.clear();
    for (const task of tasks) this.#tasks.set(task.id, task);
  }

  setNodes(nodes: RunView['nodes']): void {
    this.#nodes = nodes;
  }

  stopping(): void {
    this.#phase = 'stopping';
  }

  /** In order of submission. */
  get tasks(): readonly TaskJson[] {
    return [...this.#tasks.values()];
  }

  view(now: number): RunView {
    const running = this.tasks.filter(({ state }) => state === 'running');
    return {
      swarm: this.#swarm,
      coordinator: this.#coordinator,
      term: this.#term,
      elections: this.#elections,
      nodes: this.#nodes,
      counts: countStates(this.tasks),
      usage: sumUsage(this.tasks),
      running: running.map(({ id, title, agent, startedAt }) => ({
        taskId: id,
        title,
        agent: agent ?? '',
        elapsedMs: Math.max(0, now - (startedAt ?? now)),
      })),
      output: this.#output,
      elapsedMs: now - this.#startedAt,
      phase: this.#phase,
    };
  }

  /** One leader a term: a higher term without one is an election, a lower term is old news. §5.1 */
  #takeRole({ term, leaderId }: Extract<Notice, { readonly type: 'role' }>['status']): readonly RunEvent[] {
    if (term < this.#term || (term === this.#term && this.#coordinator === leaderId)) return [];
    const isSameTerm = term === this.#term;
    this.#term = term;
    this.#coordinator = leaderId ?? (isSameTerm ? this.#coordinator : undefined);
    if (leaderId === undefined) return [];
    this.#elections += 1;
    return [{ type: 'elected', coordinator: leaderId, term }];
  }

  #tell(event: TaskEvent): readonly RunEvent[] {
    switch (event.type) {
      case 'task':
        return this.#tellTask(event);
      case 'output':
        return this.#tellOutput(event);
      case 'budget':
        return [{ type: 'budget', exhausted: event.exhausted }];
      case 'task-forgotten':
        this.#tasks.delete(event.taskId);
        return [];
      case 'instance':
        return [{ type: 'node', id: event.instanceId, change: event.change }];
      case 'paused':
        return [{ type: 'paused', reason: event.reason }];
      case 'resumed':
        return [{ type: 'resumed' }];
      default:
        return [];
    }
  }

  /** What was heard while it worked is not told again with its end. */
  #tellTask(event: TaskChange): readonly RunEvent[] {
    const heard = this.#heard.get(event.taskId);
    this.#heard.delete(event.taskId);
    return taskEvents(event, this.#tasks.get(event.taskId)).filter((told) => {
      return told.type !== 'output' || told.source !== 'run' || heard?.has(told.text) !== true;
    });
  }

  #tellOutput({ taskId, text }: Extract<TaskEvent, { readonly type: 'output' }>): readonly RunEvent[] {
    const heard = this.#heard.get(taskId) ?? new Set();
    this.#heard.set(taskId, heard);
    const lines = plainLines(text).filter((line) => line.trim() !== '');
    for (const line of lines) heard.add(line);
    return lines.map((line) => ({ type: 'output', taskId, source: 'run', text: line }));
  }
}

export function sumUsage(tasks: readonly TaskJson[]): Usage {
  return tasks.reduce((sum, { usage }) => (usage === null ? sum : addUsage(sum, usage)), NO_USAGE);
}

export function countStates(tasks: readonly TaskJson[]): StateCounts {
  const counts = noTasks();
  for (const { state } of tasks) counts[state] += 1;
  return counts;
}

/** How a task ended, of which nobody was told when it did. */
export function endEvents(task: TaskJson): readonly RunEvent[] {
  const { id: taskId, reason, state: to } = task;
  const whose = { agent: task.agent ?? undefined, fence: task.fence ?? undefined };
  return taskEvents({ type: 'task', taskId, from: 'running', to, reason, ...whose }, task);
}

/** What an attempt printed comes before what became of it. */
function taskEvents(change: TaskChange, task: TaskJson | undefined): readonly RunEvent[] {
  const event = taskEvent(change, task);
  const hasEnded = change.from === 'running' && change.to !== 'running' && task !== undefined;
  return [...(hasEnded ? outputOf(task) : []), ...(event === undefined ? [] : [event])];
}

function taskEvent(change: TaskChange, task: TaskJson | undefined): RunEvent | undefined {
  const { taskId, from, to, reason } = change;
  const named = { taskId, title: task?.title ?? taskId, agent: change.agent ?? '' };
  const { startedAt = null, endedAt = null } = task ?? {};
  const elapsedMs = startedAt === null || endedAt === null ? undefined : endedAt - startedAt;
  switch (to) {
    case 'assigned':
    case 'running':
      return { ...named, type: to, elapsedMs: undefined };
    case 'completed':
      return { ...named, type: 'finished', elapsedMs };
    case 'cancelled':
      return { ...named, type: 'cancelled', elapsedMs };
    case 'failed':
    case 'blocked':
    case 'parked':
      return { ...named, type: to, reason };
    case 'queued': {
      if (from !== 'running' && from !== 'assigned') return undefined;
      return { ...named, type: task?.notBefore == null ? 'returned' : 'retry', reason };
    }
  }
}

function outputOf(task: TaskJson): readonly RunEvent[] {
  const hook = (name: 'pre' | 'post'): readonly OutputLine[] =>
    task.hooks
      .filter((record) => record.hook === name)
      .flatMap(({ stdout, stderr }) => linesOf(task.id, name, `${stdout}\n${stderr}`));
  const lines = [...hook('pre'), ...linesOf(task.id, 'run', task.output), ...hook('post')];
  return lines.map((line) => ({ type: 'output', ...line }));
}

function linesOf(taskId: string, source: OutputLine['source'], text: string): readonly OutputLine[] {
  const lines = plainLines(text).filter((line) => line.trim() !== '');
  const shown = lines.slice(0, MAX_TOLD_LINES).map((line) => ({ taskId, source, text: line }));
  const hidden = lines.length - shown.length;
  return hidden > 0 ? [...shown, { taskId, source, text: `… and ${hidden} more lines` }] : shown;
}
