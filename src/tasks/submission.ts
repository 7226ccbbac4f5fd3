import { MAX_LIVE_TASKS } from '../protocol/limits.ts';
import { accept, type Change, refuse } from './change.ts';
import type { Refusal, SubmitCommand, TaskResult, TaskSpec } from './command.ts';
import { queueTask, standsInTheWay, updateDependents } from './dependencies.ts';
import type { MachineState } from './state.ts';
import type { TaskRecord } from './task.ts';

/** Takes in all tasks of a submission, or none. */
export function submit(change: Change, { key, tasks }: SubmitCommand): TaskResult<'submit'> {
  const { state } = change;
  const first = state.submissions.get(key);
  if (first !== undefined) return accept({ taskIds: first, repeated: true });
  const fault = findFault(state, tasks);
  if (fault !== undefined) return fault;
  for (const spec of tasks) {
    queueTask(change, newRecord(change, spec), { notBefore: 0, reason: '' });
    // A dependent that stands before it in the submission could not know yet.
    if (standsInTheWay(state, spec.id)) updateDependents(change, spec.id);
  }
  const taskIds = tasks.map((spec) => spec.id);
  state.submissions.set(key, taskIds);
  return accept({ taskIds, repeated: false });
}

function newRecord({ state, index, at }: Change, spec: TaskSpec): TaskRecord {
  return {
    id: spec.id,
    spec,
    phase: { state: 'queued', notBefore: 0 },
    order: state.nextOrder++,
    submittedIndex: index,
    submittedAt: at,
    attempts: 0,
    failures: 0,
    losses: 0,
    approved: false,
    reason: '',
    notes: [],
    last: undefined,
  };
}

function findFault(state: MachineState, tasks: readonly TaskSpec[]): Refusal | undefined {
  const live = state.tasks.size - state.index.finished;
  if (live + tasks.length > MAX_LIVE_TASKS) {
    return refuse(
      'LIMIT_EXCEEDED',
      `${live} tasks are open and at most ${MAX_LIVE_TASKS} may be; finish some first`,
    );
  }
  const added = new Map<string, TaskSpec>();
  for (const spec of tasks) {
    if (added.has(spec.id) || state.tasks.has(spec.id)) {
      return refuse('DUPLICATE_TASK', `there is a task ${spec.id} already; choose another id`);
    }
    added.set(spec.id, spec);
  }
  for (const spec of tasks) {
    const unknown = spec.dependsOn.find((id) => !added.has(id) && !state.tasks.has(id));
    if (unknown !== undefined) {
      const message = `${spec.id} depends on ${unknown}, which is neither submitted with it nor known`;
      return refuse('UNKNOWN_DEPENDENCY', message);
    }
  }
  const cycle = findCycle(added);
  if (cycle === undefined) return undefined;
  return refuse('CYCLIC_DEPENDENCY', `tasks wait for each other: ${cycle.join(' → ')}`);
}

/** A cycle among the new tasks (known ones cannot depend on them), its first id again at the end. */
function findCycle(tasks: ReadonlyMap<string, TaskSpec>): readonly string[] | undefined {
  const clear = new Set<string>();
  for (const root of tasks.keys()) {
    const cycle = cycleFrom(root, tasks, clear);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/**
 * Depth first with its own stack: a chain of thousands must not exhaust the call stack. Adds to
 * `clear` every task from which no cycle can be reached.
 */
function cycleFrom(
  root: string,
  tasks: ReadonlyMap<string, TaskSpec>,
  clear: Set<string>,
): readonly string[] | undefined {
  const path = [{ id: root, next: 0 }];
  const onPath = new Set([root]);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const to = clear.has(top.id) ? undefined : tasks.get(top.id)?.dependsOn[top.next++];
    if (to === undefined) {
      clear.add(top.id);
      onPath.delete(top.id);
      path.pop();
    } else if (onPath.has(to)) {
      const ids = path.map((step) => step.id);
      return [...ids.slice(ids.indexOf(to)), to];
    } else if (tasks.has(to) && !clear.has(to)) {
      path.push({ id: to, next: 0 });
      onPath.add(to);
    }
  }
  return undefined;
}
