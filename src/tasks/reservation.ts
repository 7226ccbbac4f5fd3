import { MAX_RESERVATIONS } from '../protocol/limits.ts';
import { accept, type Change, dropReservation, putReservation, refuse } from './change.ts';
import type {
  ExpireReservationCommand,
  Refusal,
  ReleaseReservationCommand,
  ReserveCommand,
  TaskFence,
  TaskResult,
} from './command.ts';
import { findHeld } from './fence.ts';
import { MERGE, patternsOverlap } from './glob.ts';
import type { MachineState, Reservation } from './state.ts';

type Request = Pick<ReserveCommand, 'holder' | 'paths' | 'mode' | 'task'>;

/** All of the paths or none. Two of one holder under one task do not stand in each other's way. */
export function reserve(change: Change, command: ReserveCommand): TaskResult<'reserve'> {
  const { state, index } = change;
  const { reservationId, holder, paths, mode, task } = command;
  if (task !== undefined) {
    const held = findHeld(state, task);
    if (!held.ok) return held;
  }
  const known = state.reservations.get(reservationId);
  if (known !== undefined) return answerAgain(known, command);
  if (state.reservations.size >= MAX_RESERVATIONS) {
    return refuse('LIMIT_EXCEEDED', `${MAX_RESERVATIONS} reservations are held already; release some first`);
  }
  const conflict = findConflict(state, command);
  if (conflict !== undefined) return refuse('RESERVED', conflict);
  const durationMs = command.leaseMs ?? state.settings.leaseMs;
  putReservation(change, {
    id: reservationId,
    holder,
    paths,
    mode,
    task: task === undefined ? undefined : { taskId: task.taskId, fence: task.fence },
    fence: index,
    renewedAt: index,
    durationMs,
  });
  return accept({ reservationId, fence: index, leaseMs: durationMs });
}

/** A retry must ask for what is held: otherwise "ok" would promise paths that nobody reserved. */
function answerAgain(known: Reservation, command: ReserveCommand): TaskResult<'reserve'> {
  const { reservationId, holder, paths, mode } = command;
  const asHeld = known.mode === mode && known.paths.join('\n') === paths.join('\n');
  if (known.holder !== holder || !asHeld) {
    const held = `reservation ${reservationId} is held by ${known.holder} for ${known.paths.join(', ')}`;
    return refuse('RESERVED', `${held}; release it first, or choose another id`);
  }
  return accept({ reservationId, fence: known.fence, leaseMs: known.durationMs });
}

/** Tells who stands in the way of what. */
function findConflict(state: MachineState, request: Request): string | undefined {
  for (const other of state.reservations.values()) {
    if (isSameParty(other, request)) continue;
    const compatible = other.mode === 'shared' && request.mode === 'shared';
    for (const path of request.paths) {
      // One merger at a time, whatever the mode.
      if (compatible && path !== MERGE) continue;
      const taken = other.paths.find((theirs) => patternsOverlap(theirs, path));
      if (taken === undefined) continue;
      return `${path} overlaps ${taken}, reserved (${other.mode}) by ${other.holder} as ${other.id}`;
    }
  }
  return undefined;
}

function isSameParty(other: Reservation, { holder, task }: Request): boolean {
  return other.holder === holder && other.task?.taskId === task?.taskId;
}

export function releaseReservation(
  change: Change,
  { reservationId, fence }: ReleaseReservationCommand,
): TaskResult<'release-reservation'> {
  const found = findReservation(change.state, { reservationId, fence });
  if (!found.ok) return found;
  dropReservation(change, found.reservation, 'released');
  return accept({ reservationId, fence });
}

/** Checked against the latest renewal, as the expiry of a task's lease is. */
export function expireReservation(
  change: Change,
  { reservationId, fence, renewedAt }: ExpireReservationCommand,
): TaskResult<'expire-reservation'> {
  const found = findReservation(change.state, { reservationId, fence });
  if (!found.ok) return found;
  const latest = found.reservation.renewedAt;
  if (latest !== renewedAt) {
    return refuse(
      'STALE_EXPIRY',
      `reservation ${reservationId} was renewed at index ${latest}, after ${renewedAt}`,
    );
  }
  dropReservation(change, found.reservation, 'expired');
  return accept({ reservationId, fence });
}

export function renewReservation(
  change: Change,
  item: { readonly reservationId: string; readonly fence: number },
): Refusal | undefined {
  const found = findReservation(change.state, item);
  if (!found.ok) return found;
  putReservation(change, { ...found.reservation, renewedAt: change.index });
  return undefined;
}

/** Releases what was reserved under a lease on a task that has ended. */
export function releaseUnder(change: Change, { taskId, fence }: TaskFence): void {
  for (const reservation of change.state.reservations.values()) {
    const { task } = reservation;
    if (task?.taskId === taskId && task.fence === fence) dropReservation(change, reservation, 'released');
  }
}

/** Releases all that a holder who is gone had reserved. */
export function releaseHeldBy(change: Change, holder: string): void {
  for (const reservation of change.state.reservations.values()) {
    if (reservation.holder === holder) dropReservation(change, reservation, 'released');
  }
}

function findReservation(
  state: MachineState,
  { reservationId, fence }: { readonly reservationId: string; readonly fence: number },
): { readonly ok: true; readonly reservation: Reservation } | Refusal {
  const reservation = state.reservations.get(reservationId);
  if (reservation === undefined) {
    return refuse('UNKNOWN_RESERVATION', `there is no reservation ${reservationId}: released, or expired`);
  }
  if (reservation.fence !== fence) {
    const now = `${reservationId} is held by ${reservation.holder} under fence ${reservation.fence}`;
    return refuse('STALE_FENCE', `fence ${fence} is not valid: ${now}`);
  }
  return { ok: true, reservation };
}
