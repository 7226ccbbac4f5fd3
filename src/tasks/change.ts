import type { ErrorCode } from '../protocol/errors.ts';
import { MAX_FINISHED_TASKS, MAX_HISTORY_CHARS } from '../protocol/limits.ts';
import type { Refusal } from './command.ts';
import type { TaskEvent } from './event.ts';
import type { RunningHash } from './hash.ts';
import type { Instance, MachineState, Reservation } from './state.ts';
import { leaseOf, type TaskRecord } from './task.ts';

/** One command on its way through the machine: all writing to the state goes through here. */
export interface Change {
  readonly state: MachineState;
  /** Log index of the command. */
  readonly index: number;
  /** Wall clock of its proposer, in ms. */
  readonly at: number;
  readonly hash: RunningHash;
  readonly events: TaskEvent[];
}

export function accept<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function refuse(code: ErrorCode, message: string): Refusal {
  return { ok: false, code, message };
}

/** Stores a record and tells watchers if its phase is another one, or another lease's. */
export function putTask(change: Change, after: TaskRecord): void {
  const { state, hash, events } = change;
  const before = state.tasks.get(after.id);
  state.tasks.set(after.id, after);
  state.index.update(before, after);
  foldTask(hash, before, after);
  const ended = before === undefined ? undefined : leaseOf(before);
  const lease = leaseOf(after) ?? ended;
  if (before?.phase.state === after.phase.state && ended?.fence === leaseOf(after)?.fence) return;
  events.push({
    type: 'task',
    taskId: after.id,
    from: before?.phase.state,
    to: after.phase.state,
    agent: lease?.holder,
    fence: lease?.fence,
    reason: after.reason,
  });
}

/** Scalars always; what is large only when it was replaced, as records share what they do not change. */
function foldTask(hash: RunningHash, before: TaskRecord | undefined, after: TaskRecord): void {
  hash.value(after.id);
  hash.value(after.phase);
  hash.integer(after.order);
  hash.integer(after.submittedIndex);
  hash.integer(after.submittedAt);
  hash.integer(after.attempts);
  hash.integer(after.failures);
  hash.integer(after.losses);
  hash.value(after.approved);
  hash.value(after.reason);
  hash.integer(after.notes.length);
  if (before?.spec !== after.spec) hash.value(after.spec);
  if (before?.last !== after.last) hash.value(after.last);
  if (before?.notes !== after.notes) hash.value(after.notes.at(-1));
  foldWork(hash, before, after);
}

/** Named, since each of these may be absent. */
function foldWork(hash: RunningHash, before: TaskRecord | undefined, after: TaskRecord): void {
  const { usage, usageBefore, progress, saved } = after;
  if (before?.usage !== usage) hash.value({ usage });
  if (before?.usageBefore !== usageBefore) hash.value({ usageBefore });
  if (before?.progress !== progress) hash.value({ progress });
  if (before?.saved !== saved) hash.value({ saved });
}

/** Keeps history within its bounds. A task that an open one depends on is never forgotten. */
export function forgetOldest({ state, hash, events }: Change): void {
  const { index, tasks } = state;
  while (index.finished > MAX_FINISHED_TASKS || index.historyChars > MAX_HISTORY_CHARS) {
    const oldest = index.forgettable.first();
    const record = oldest === undefined ? undefined : tasks.get(oldest.id);
    if (record === undefined) return;
    tasks.delete(record.id);
    index.update(record, undefined);
    hash.value(record.id);
    events.push({ type: 'task-forgotten', taskId: record.id });
  }
}

export function putInstance({ state, hash, events }: Change, instance: Instance): void {
  state.instances.set(instance.id, instance);
  hash.value(instance);
  events.push({ type: 'instance', instanceId: instance.id, change: 'registered' });
}

export function dropInstance({ state, hash, events }: Change, id: string): void {
  state.instances.delete(id);
  hash.value(id);
  events.push({ type: 'instance', instanceId: id, change: 'gone' });
}

/** Stores a new reservation, or one that was renewed: that is no news to watchers. */
export function putReservation({ state, hash, events }: Change, reservation: Reservation): void {
  const { id, holder, paths } = reservation;
  const known = state.reservations.has(id);
  state.reservations.set(id, reservation);
  hash.value(reservation);
  if (!known) events.push({ type: 'reservation', reservationId: id, change: 'granted', holder, paths });
}

export function dropReservation(
  { state, hash, events }: Change,
  { id, holder, paths }: Reservation,
  why: 'released' | 'expired',
): void {
  state.reservations.delete(id);
  hash.value(id);
  events.push({ type: 'reservation', reservationId: id, change: why, holder, paths });
}
