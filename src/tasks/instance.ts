import { MAX_INSTANCES } from '../protocol/limits.ts';
import { accept, type Change, dropInstance, putInstance, refuse } from './change.ts';
import type { RegisterCommand, TaskResult, UnregisterCommand } from './command.ts';
import type { Held } from './fence.ts';
import { loseLease, returnLease } from './lease.ts';
import { releaseHeldBy } from './reservation.ts';
import { leaseOf } from './task.ts';

/**
 * Takes an instance in, or its new life: whatever the life before held goes back to the queue at
 * once, since that process cannot work on it any more. The same life twice is once.
 */
export function register(change: Change, command: RegisterCommand): TaskResult<'register'> {
  const { state, index } = change;
  const { instanceId, agent, capabilities, capacity, life } = command;
  const known = state.instances.get(instanceId);
  if (known === undefined && state.instances.size >= MAX_INSTANCES) {
    return refuse(
      'LIMIT_EXCEEDED',
      `${MAX_INSTANCES} instances are registered, which is the most there may be`,
    );
  }
  const isNewLife = known !== undefined && known.life !== life;
  const returned = isNewLife
    ? takeBack(change, { holder: instanceId, cause: 'lost', why: 'was started again' })
    : [];
  const registeredIndex = known === undefined || isNewLife ? index : known.registeredIndex;
  putInstance(change, { id: instanceId, agent, capabilities, capacity, life, registeredIndex });
  return accept({ instanceId, returned });
}

export function unregister(change: Change, command: UnregisterCommand): TaskResult<'unregister'> {
  const { instanceId, life, cause } = command;
  const known = change.state.instances.get(instanceId);
  if (known === undefined) return refuse('UNKNOWN_INSTANCE', `there is no instance ${instanceId}`);
  if (known.life !== life) {
    return refuse('UNKNOWN_INSTANCE', `${instanceId} was started again since: that life of it is over`);
  }
  const why = cause === 'lost' ? 'was lost' : 'stopped';
  const returned = takeBack(change, { holder: instanceId, cause, why });
  dropInstance(change, instanceId);
  return accept({ instanceId, returned });
}

/** Ends all leases of a holder. In order of submission, which does not depend on how the index was built. */
export function takeBack(
  change: Change,
  {
    holder,
    cause,
    why,
  }: { readonly holder: string; readonly cause: 'stopped' | 'lost'; readonly why: string },
): readonly string[] {
  const { state } = change;
  const helds: Held[] = [];
  for (const id of state.index.heldBy(holder)) {
    const record = state.tasks.get(id);
    const lease = record === undefined ? undefined : leaseOf(record);
    if (record !== undefined && lease !== undefined) helds.push({ ok: true, record, lease });
  }
  helds.sort((a, b) => a.record.order - b.record.order);
  const giveUp = cause === 'lost' ? loseLease : returnLease;
  for (const held of helds) giveUp(change, held, `${holder} ${why}`);
  releaseHeldBy(change, holder);
  return helds.map((held) => held.record.id);
}
