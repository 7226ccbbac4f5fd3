import { MAX_LOSSES, MAX_OUTPUT_CHARS, RETRY_BASE_MS, RETRY_CAP_MS } from '../protocol/limits.ts';
import { countUsage, taskExhaustion } from './budget.ts';
import { accept, type Change, putTask, refuse } from './change.ts';
import { clip } from './clip.ts';
import type { AttemptResult, ExpireCommand, RenewCommand, TaskResult } from './command.ts';
import { queueTask, updateDependents } from './dependencies.ts';
import { findHeld, type Held } from './fence.ts';
import { releaseUnder, renewReservation } from './reservation.ts';
import type { Attempt, Lease, TaskPhase, TaskRecord } from './task.ts';
import type { Usage } from './usage.ts';

/** Gives the one lease on a ready task. An assigned worker has yet to start, a claimant works already. */
export function grantLease(
  change: Change,
  record: TaskRecord,
  grant: { readonly holder: string; readonly durationMs: number; readonly as: 'assigned' | 'running' },
): void {
  const { index, at } = change;
  const lease: Lease = { fence: index, renewedAt: index, holder: grant.holder, durationMs: grant.durationMs };
  const phase: TaskPhase =
    grant.as === 'running' ? { state: 'running', lease, startedAt: at } : { state: 'assigned', lease };
  putTask(change, { ...record, phase, attempts: record.attempts + 1, reason: '' });
}

/** The same phase, with a sign of life of its worker in the lease. */
export function renewed(phase: TaskPhase, index: number): TaskPhase {
  if (phase.state !== 'assigned' && phase.state !== 'running') return phase;
  return { ...phase, lease: { ...phase.lease, renewedAt: index } };
}

export function renew(change: Change, command: RenewCommand): TaskResult<'renew'> {
  const done: string[] = [];
  const stale: { id: string; why: string }[] = [];
  for (const item of command.tasks) {
    const held = findHeld(change.state, item);
    if (!held.ok) {
      stale.push({ id: item.taskId, why: held.message });
      continue;
    }
    putTask(change, { ...held.record, phase: renewed(held.record.phase, change.index) });
    done.push(item.taskId);
  }
  for (const item of command.reservations) {
    const refused = renewReservation(change, item);
    if (refused === undefined) done.push(item.reservationId);
    else stale.push({ id: item.reservationId, why: refused.message });
  }
  return accept({ renewed: done, stale });
}

/**
 * Ends a lease that was not renewed, if the proposer has seen its latest renewal: one who was paused
 * meanwhile has not, and expires nothing.
 */
export function expire(change: Change, command: ExpireCommand): TaskResult<'expire'> {
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const { taskId, fence, renewedAt } = command;
  if (held.lease.renewedAt !== renewedAt) {
    const message = `the lease on ${taskId} was renewed at index ${held.lease.renewedAt}, after ${renewedAt}`;
    return refuse('STALE_EXPIRY', message);
  }
  loseLease(change, held, `the lease of ${held.lease.holder} ran out`);
  return accept({ taskId, fence });
}

/**
 * The worker vanished: back to the queue, which is no failure of the task; but one that has lost
 * `MAX_LOSSES` workers may be what kills them, and waits for a person.
 */
export function loseLease(change: Change, held: Held, reason: string): void {
  const ended = endLease(change, held, { outcome: 'lost' });
  const losses = ended.losses + 1;
  if (losses < MAX_LOSSES) {
    requeue(change, { ...ended, losses }, { notBefore: 0, reason });
    return;
  }
  const phase: TaskPhase = { state: 'parked', cause: 'losses' };
  putTask(change, { ...ended, losses, phase, reason: `lost ${losses} workers; latest: ${reason}` });
}

/** The worker hands the task back in good order. */
export function returnLease(change: Change, held: Held, reason: string, usage?: Usage): void {
  const ended = endLease(change, held, { outcome: 'released', ...(usage === undefined ? {} : { usage }) });
  requeue(change, ended, { notBefore: 0, reason });
}

/** Another attempt, unless nothing is left for it to use up. */
function requeue(
  change: Change,
  record: TaskRecord,
  queue: { readonly notBefore: number; readonly reason: string },
): 'queued' | 'parked' {
  const exhausted = taskExhaustion(record);
  if (exhausted === undefined) {
    queueTask(change, record, queue);
    return 'queued';
  }
  const reason = queue.reason === '' ? exhausted : `${exhausted}; ${queue.reason}`;
  putTask(change, { ...record, phase: { state: 'parked', cause: 'budget' }, reason });
  return 'parked';
}

/** Counts a failed attempt: another one after a pause, or an end of it. */
export function failLease(
  change: Change,
  held: Held,
  failure: {
    readonly result: AttemptResult;
    readonly reason: string;
    readonly next: 'retry' | 'final' | 'park';
    readonly code?: string;
  },
): 'queued' | 'failed' | 'parked' {
  const { code, result } = failure;
  const ended = endLease(change, held, {
    outcome: 'failed',
    result,
    ...(code === undefined ? {} : { code }),
  });
  const record = { ...ended, failures: ended.failures + 1 };
  const allowed =
    record.spec.retries === undefined ? change.state.settings.attempts : record.spec.retries + 1;
  if (failure.next === 'park') {
    const cause = taskExhaustion(record) === undefined ? 'asked' : 'budget';
    putTask(change, { ...record, phase: { state: 'parked', cause }, reason: failure.reason });
    return 'parked';
  }
  if (failure.next === 'retry' && record.failures < allowed) {
    const reason = `attempt ${record.failures} of ${allowed} failed: ${failure.reason}`;
    return requeue(change, record, { notBefore: change.at + retryDelayMs(record.failures), reason });
  }
  finishTask(change, record, { state: 'failed', reason: failure.reason });
  return 'failed';
}

/** Moves a task to its end and tells its dependents. */
export function finishTask(
  change: Change,
  record: TaskRecord,
  end: { readonly state: 'completed' | 'failed' | 'cancelled'; readonly reason: string },
): void {
  const phase: TaskPhase = { state: end.state, endedAt: change.at, finishedIndex: change.index };
  // Nobody goes on with it any more: whoever retries it begins anew.
  const { saved: _dropped, ...rest } = record;
  putTask(change, { ...rest, phase, reason: end.reason });
  updateDependents(change, record.id);
}

/**
 * The record with the attempt written down and what was reserved under the lease released. The
 * caller decides the next phase and stores the record.
 */
export function endLease(
  change: Change,
  { record, lease }: Held,
  end: {
    readonly outcome: Attempt['outcome'];
    readonly result?: AttemptResult;
    readonly usage?: Usage;
    readonly code?: string;
  },
): TaskRecord {
  const { fence } = lease;
  releaseUnder(change, { taskId: record.id, fence });
  const { result, outcome, code, usage = result?.usage } = end;
  const last: Attempt = {
    fence,
    agent: lease.holder,
    outcome,
    startedAt: record.phase.state === 'running' ? record.phase.startedAt : undefined,
    endedAt: change.at,
    exitCode: result?.exitCode,
    output: clip(result?.output ?? '', MAX_OUTPUT_CHARS),
    hooks: result?.hooks ?? [],
    ...(code === undefined ? {} : { code }),
  };
  return { ...(usage === undefined ? record : countUsage(change, record, { fence, usage })), last };
}

/** Pause after the given number of failures. No jitter: every replica must compute the same. */
function retryDelayMs(failures: number): number {
  return Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (failures - 1));
}
