import { refuse } from './change.ts';
import type { Refusal, TaskFence } from './command.ts';
import type { MachineState } from './state.ts';
import { type Lease, leaseOf, type TaskRecord } from './task.ts';

/** A task and the valid lease on it. */
export interface Held {
  readonly ok: true;
  readonly record: TaskRecord;
  readonly lease: Lease;
}

/**
 * The task whose valid lease carries this fence. `STALE_FENCE` says what has become of the task, so
 * that the old worker stops; `UNKNOWN_TASK` when there is none.
 */
export function findHeld(state: MachineState, { taskId, fence }: TaskFence): Held | Refusal {
  const record = state.tasks.get(taskId);
  if (record === undefined) return unknownTask(taskId);
  const lease = leaseOf(record);
  if (lease !== undefined && lease.fence === fence) return { ok: true, record, lease };
  const now =
    lease === undefined
      ? `${taskId} is ${record.phase.state}`
      : `${taskId} is ${record.phase.state} under fence ${lease.fence} by ${lease.holder}`;
  return refuse('STALE_FENCE', `fence ${fence} is not valid: ${now}; stop working on it`);
}

export function unknownTask(taskId: string): Refusal {
  return refuse('UNKNOWN_TASK', `there is no task ${taskId}: never submitted, or gone from history`);
}
