import { MAX_NOTE_CHARS, MAX_NOTES } from '../protocol/limits.ts';
import { accept, type Change, putTask, refuse } from './change.ts';
import { clip } from './clip.ts';
import type {
  ApproveCommand,
  CancelCommand,
  CompleteCommand,
  FailCommand,
  NoteCommand,
  ReleaseCommand,
  RetryCommand,
  StartCommand,
  TaskFence,
  TaskResult,
} from './command.ts';
import { queueTask, standsInTheWay, updateDependents } from './dependencies.ts';
import { findHeld, unknownTask } from './fence.ts';
import { endLease, failLease, finishTask, renewed, returnLease } from './lease.ts';
import type { MachineState } from './state.ts';
import { type Attempt, leaseOf, type TaskRecord } from './task.ts';

/** What workers say about a task they hold, and what people say about any. */

export function start(change: Change, command: StartCommand): TaskResult<'start'> {
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const { record, lease } = held;
  if (record.phase.state === 'assigned') {
    const renewedLease = { ...lease, renewedAt: change.index };
    putTask(change, { ...record, phase: { state: 'running', lease: renewedLease, startedAt: change.at } });
  }
  return accept(fenceOf(command));
}

/** A note is a sign of life too. */
export function note(change: Change, command: NoteCommand): TaskResult<'note'> {
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const { record, lease } = held;
  const text = clip(command.text, MAX_NOTE_CHARS);
  const added = { at: change.at, index: change.index, agent: lease.holder, text };
  const notes = [...record.notes, added].slice(-MAX_NOTES);
  putTask(change, { ...record, notes, phase: renewed(record.phase, change.index) });
  change.events.push({ type: 'note', taskId: record.id, agent: lease.holder, text });
  return accept(fenceOf(command));
}

export function complete(change: Change, command: CompleteCommand): TaskResult<'complete'> {
  if (endedAs(change.state, command, 'completed')) return accept(fenceOf(command));
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const ended = endLease(change, held, { outcome: 'completed', result: command });
  finishTask(change, ended, { state: 'completed', reason: '' });
  return accept(fenceOf(command));
}

export function fail(change: Change, command: FailCommand): TaskResult<'fail'> {
  if (endedAs(change.state, command, 'failed')) {
    const state = change.state.tasks.get(command.taskId)?.phase.state;
    return accept({
      ...fenceOf(command),
      state: state === 'failed' || state === 'parked' ? state : 'queued',
    });
  }
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  return accept({ ...fenceOf(command), state: failLease(change, held, { ...command, result: command }) });
}

export function release(change: Change, command: ReleaseCommand): TaskResult<'release'> {
  if (endedAs(change.state, command, 'released')) return accept(fenceOf(command));
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  returnLease(
    change,
    held,
    `handed back by ${held.lease.holder}${command.reason === '' ? '' : `: ${command.reason}`}`,
    command.usage,
  );
  return accept(fenceOf(command));
}

/** Takes effect at once: a worker learns of it from its watch, or from its stale fence. */
export function cancel(change: Change, { taskId, reason }: CancelCommand): TaskResult<'cancel'> {
  const record = change.state.tasks.get(taskId);
  if (record === undefined) return unknownTask(taskId);
  const { state } = record.phase;
  if (state === 'cancelled') return accept({ taskId });
  if (state === 'completed' || state === 'failed') {
    return refuse('WRONG_STATE', `${taskId} is ${state}: there is nothing left to cancel`);
  }
  const lease = leaseOf(record);
  const ended =
    lease === undefined ? record : endLease(change, { ok: true, record, lease }, { outcome: 'cancelled' });
  finishTask(change, ended, { state: 'cancelled', reason });
  return accept({ taskId });
}

/** Queues a task again, and with a blocked one what stands in its way. */
export function retry(change: Change, { taskId }: RetryCommand): TaskResult<'retry'> {
  const record = change.state.tasks.get(taskId);
  if (record === undefined) return unknownTask(taskId);
  const { phase } = record;
  const open = phase.state === 'queued' || phase.state === 'assigned' || phase.state === 'running';
  if (open || phase.state === 'completed') {
    return refuse('WRONG_STATE', `${taskId} is ${phase.state}: there is nothing to retry`);
  }
  if (phase.state === 'parked' && phase.cause === 'gate') {
    return refuse('WRONG_STATE', `${taskId} ${record.reason}; approve it instead`);
  }
  const roots = inTheWayOf(change.state, record);
  for (const root of roots) {
    const { usage } = root;
    const fresh = { ...root, failures: 0, losses: 0, ...(usage === undefined ? {} : { usageBefore: usage }) };
    queueTask(change, fresh, { notBefore: 0, reason: 'queued again by hand' });
    updateDependents(change, root.id);
  }
  return accept({ taskIds: roots.map((root) => root.id) });
}

/** The task itself, unless it is a mere victim, and the failed and cancelled ones that keep it from running. */
function inTheWayOf(state: MachineState, record: TaskRecord): readonly TaskRecord[] {
  const seen = new Set([record.id]);
  const pending = [record];
  // Grows while it is walked.
  for (const task of pending) {
    for (const id of task.spec.dependsOn) {
      const dependency = state.tasks.get(id);
      if (dependency === undefined || seen.has(id) || !standsInTheWay(state, id)) continue;
      seen.add(id);
      pending.push(dependency);
    }
  }
  return pending.filter((task) => task.phase.state !== 'blocked');
}

export function approve(change: Change, { taskId, by }: ApproveCommand): TaskResult<'approve'> {
  const record = change.state.tasks.get(taskId);
  if (record === undefined) return unknownTask(taskId);
  if (record.spec.gate === undefined) return refuse('WRONG_STATE', `${taskId} has no gate to approve`);
  if (record.approved) return accept({ taskId });
  const approved = { ...record, approved: true };
  const { phase } = record;
  if (phase.state === 'parked' && phase.cause === 'gate') {
    queueTask(change, approved, { notBefore: 0, reason: `approved by ${by}` });
  } else putTask(change, approved);
  return accept({ taskId });
}

/** True when the attempt under this very fence has ended so: the command is a retry, and its answer the same. */
function endedAs(state: MachineState, { taskId, fence }: TaskFence, outcome: Attempt['outcome']): boolean {
  const last = state.tasks.get(taskId)?.last;
  return last !== undefined && last.fence === fence && last.outcome === outcome;
}

function fenceOf({ taskId, fence }: TaskFence): TaskFence {
  return { taskId, fence };
}
