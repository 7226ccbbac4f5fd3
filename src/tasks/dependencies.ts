import { type Change, putTask } from './change.ts';
import type { MachineState } from './state.ts';
import type { TaskPhase, TaskRecord } from './task.ts';

/**
 * Puts a task on which nobody works where its dependencies and its gate want it: `blocked`, `parked`
 * or `queued`. Its dependents must be told afterwards (`updateDependents`).
 */
export function queueTask(
  change: Change,
  record: TaskRecord,
  queue: { notBefore: number; reason: string },
): void {
  const by = record.spec.dependsOn.find((id) => standsInTheWay(change.state, id));
  if (by !== undefined) {
    const reason = `its dependency ${by} is ${change.state.tasks.get(by)?.phase.state}`;
    putTask(change, { ...record, phase: { state: 'blocked', by }, reason });
    return;
  }
  const { gate, dependsOn } = record.spec;
  if (gate !== undefined && !record.approved && dependsOn.every((id) => isCompleted(change.state, id))) {
    putTask(change, {
      ...record,
      phase: { state: 'parked', cause: 'gate' },
      reason: `waits for approval: ${gate}`,
    });
    return;
  }
  const phase: TaskPhase = { state: 'queued', notBefore: queue.notBefore };
  putTask(change, { ...record, phase, reason: queue.reason });
}

/**
 * Carries a change of phase of `id` on to all that depend on it, transitively. Afterwards a waiting
 * task is `blocked` exactly when one of its dependencies failed, was cancelled or is blocked.
 */
export function updateDependents(change: Change, id: string): void {
  const { tasks, index } = change.state;
  const changed = [id];
  // Grows while it is walked: a blocked task blocks its own dependents.
  for (const source of changed) {
    for (const dependentId of index.dependentsOf(source)) {
      const record = tasks.get(dependentId);
      if (record === undefined) continue;
      updateDependent(change, record);
      const isBlocked = tasks.get(dependentId)?.phase.state === 'blocked';
      if (isBlocked !== (record.phase.state === 'blocked')) changed.push(dependentId);
    }
  }
}

/** Only a task that waits can be moved by what it waits for. */
function updateDependent(change: Change, record: TaskRecord): void {
  const { state } = change;
  const { phase } = record;
  if (phase.state === 'blocked') {
    if (!standsInTheWay(state, phase.by)) queueTask(change, record, { notBefore: 0, reason: '' });
  } else if (phase.state === 'queued') {
    if (needsMove(state, record)) {
      queueTask(change, record, { notBefore: phase.notBefore, reason: record.reason });
    } else state.index.refresh(record);
  }
}

function needsMove(state: MachineState, { spec, approved }: TaskRecord): boolean {
  if (spec.dependsOn.some((id) => standsInTheWay(state, id))) return true;
  return spec.gate !== undefined && !approved && spec.dependsOn.every((id) => isCompleted(state, id));
}

/** Missing: it comes later in the submission that is being applied. */
export function standsInTheWay(state: MachineState, id: string): boolean {
  const phase = state.tasks.get(id)?.phase.state;
  return phase === 'failed' || phase === 'cancelled' || phase === 'blocked';
}

function isCompleted(state: MachineState, id: string): boolean {
  return state.tasks.get(id)?.phase.state === 'completed';
}
