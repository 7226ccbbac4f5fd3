import { swarmExhaustion } from './budget.ts';
import { accept, type Change, refuse } from './change.ts';
import type { AssignCommand, ClaimCommand, Refusal, TaskFence, TaskResult } from './command.ts';
import { unknownTask } from './fence.ts';
import { grantLease } from './lease.ts';
import { bestReady, hasRoom, isCapable, whyNotReady } from './scheduler.ts';
import { needsOf, PROMPT_WORK, type TaskRecord } from './task.ts';

/** Grants what is still possible of a coordinator's plan, which was made before the log moved on. */
export function assign(change: Change, { assignments }: AssignCommand): TaskResult<'assign'> {
  const assigned: TaskFence[] = [];
  const skipped: { taskId: string; why: string }[] = [];
  for (const { taskId, instanceId } of assignments) {
    const why = assignOne(change, taskId, instanceId);
    if (why === undefined) assigned.push({ taskId, fence: change.index });
    else skipped.push({ taskId, why });
  }
  return accept({ assigned, skipped });
}

/** What keeps the assignment from being granted, in words. */
function assignOne(change: Change, taskId: string, instanceId: string): string | undefined {
  const { state, at } = change;
  if (state.paused !== undefined) return 'the swarm is paused';
  const exhausted = swarmExhaustion(state);
  if (exhausted !== undefined) return `the swarm's budget is used up: ${exhausted}`;
  if (isFull(change)) return `${state.settings.maxActive} tasks are active, which is the cap`;
  const record = state.tasks.get(taskId);
  if (record === undefined) return 'there is no such task';
  const instance = state.instances.get(instanceId);
  if (instance === undefined) return `there is no instance ${instanceId}`;
  const notReady = whyNotReady(state, record, at);
  if (notReady !== undefined) return notReady;
  if (!isCapable(instance.capabilities, needsOf(record.spec))) return lacking(instanceId, record);
  if (!hasRoom(state, instance)) return `${instanceId} works on ${instance.capacity} already`;
  grantLease(change, record, { holder: instanceId, durationMs: state.settings.leaseMs, as: 'assigned' });
  return undefined;
}

/** Finding a ready task and taking it is one entry of the log: there is one winner. */
export function claim(change: Change, command: ClaimCommand): TaskResult<'claim'> {
  const { state, index } = change;
  const key = `${command.claimant.id}\n${command.requestId}`;
  const first = state.claims.get(key);
  if (first !== undefined) return accept(first);
  if (state.paused !== undefined) {
    return refuse('PAUSED', `the swarm is paused (${state.paused}); claim again once it is resumed`);
  }
  const exhausted = swarmExhaustion(state);
  if (exhausted !== undefined) {
    return refuse(
      'BUDGET_EXHAUSTED',
      `the swarm's budget is used up (${exhausted}); claim again once it is raised`,
    );
  }
  if (isFull(change)) {
    return refuse('LIMIT_EXCEEDED', `${state.settings.maxActive} tasks are active, which is the cap`);
  }
  const chosen = choose(change, command);
  if ('ok' in chosen) return chosen;
  const leaseMs = command.leaseMs ?? state.settings.leaseMs;
  grantLease(change, chosen, { holder: command.claimant.id, durationMs: leaseMs, as: 'running' });
  const value = { taskId: chosen.id, fence: index, leaseMs };
  state.claims.set(key, value);
  return accept(value);
}

function choose({ state, at }: Change, { taskId, claimant }: ClaimCommand): TaskRecord | Refusal {
  const id = taskId ?? bestReady(state, [...claimant.capabilities, PROMPT_WORK]);
  if (id === undefined) return refuse('NOTHING_READY', `no ready task that ${claimant.id} is able to do`);
  const record = state.tasks.get(id);
  if (record === undefined) return unknownTask(id);
  const notReady = whyNotReady(state, record, at);
  if (notReady !== undefined) return refuse('NOT_CLAIMABLE', notReady);
  if (isCapable(claimant.capabilities, record.spec.requires)) return record;
  return refuse('NOT_CLAIMABLE', lacking(claimant.id, record));
}

function isFull({ state }: Change): boolean {
  return state.index.active >= state.settings.maxActive;
}

function lacking(worker: string, { id, spec }: TaskRecord): string {
  return `${worker} has not all that ${id} requires: ${needsOf(spec).join(', ')}`;
}
