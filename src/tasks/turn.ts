import { MAX_KEPT_STATE_BYTES, MAX_NAMED_BLOB_BYTES, MAX_PROGRESS_CHARS } from '../protocol/limits.ts';
import { countUsage, taskExhaustion } from './budget.ts';
import { accept, type Change, putTask, refuse } from './change.ts';
import { clip } from './clip.ts';
import type { ProgressCommand, Refusal, SaveTurnCommand, TaskResult } from './command.ts';
import { findHeld } from './fence.ts';
import { endLease, renewed } from './lease.ts';
import type { SavedState, TaskRecord } from './task.ts';

/** What an attempt says between its beginning and its end. */

export function saveTurn(change: Change, command: SaveTurnCommand): TaskResult<'save-turn'> {
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const { record, lease } = held;
  const { taskId, fence, turn, usage } = command;
  if (record.progress?.fence === fence && turn <= record.progress.turn) {
    return accept({ taskId, fence, state: 'running' });
  }
  const saved = savedBy(command);
  const refused = saved === undefined ? undefined : whyNoRoom(change, record, saved);
  if (refused !== undefined) return refused;
  const counted = countUsage(change, record, { fence, usage });
  const after: TaskRecord = {
    ...counted,
    progress: { fence, turn, usage: counted.progress?.usage ?? usage },
    ...(saved === undefined ? {} : { saved }),
    phase: renewed(record.phase, change.index),
  };
  change.events.push({ type: 'turn', taskId, agent: lease.holder, turn });
  const exhausted = taskExhaustion(after);
  if (exhausted === undefined) {
    putTask(change, after);
    return accept({ taskId, fence, state: 'running' });
  }
  const ended = endLease(change, { ok: true, record: after, lease }, { outcome: 'over-budget' });
  putTask(change, { ...ended, phase: { state: 'parked', cause: 'budget' }, reason: exhausted });
  return accept({ taskId, fence, state: 'parked' });
}

/** A sign of life too. */
export function progress(change: Change, command: ProgressCommand): TaskResult<'progress'> {
  const held = findHeld(change.state, command);
  if (!held.ok) return held;
  const { record, lease } = held;
  const { taskId, fence } = command;
  putTask(change, { ...record, phase: renewed(record.phase, change.index) });
  const text = clip(command.text, MAX_PROGRESS_CHARS);
  change.events.push({ type: 'output', taskId, agent: lease.holder, fence, text });
  return accept({ taskId, fence });
}

/** A copy: what comes out of the log is a view of the whole entry, which would be kept with it. */
function savedBy({ turn, state, blob }: SaveTurnCommand): SavedState | undefined {
  if (state !== undefined) return { turn, state: new Uint8Array(state) };
  return blob === undefined ? undefined : { turn, blob: { sha256: blob.sha256, bytes: blob.bytes } };
}

function whyNoRoom({ state }: Change, { saved: before }: TaskRecord, after: SavedState): Refusal | undefined {
  const { keptStateBytes, namedBlobBytes } = state.index;
  const kept = keptStateBytes - (before?.state?.length ?? 0) + (after.state?.length ?? 0);
  if (after.state !== undefined && kept > MAX_KEPT_STATE_BYTES) {
    return refuse('LIMIT_EXCEEDED', `open tasks keep ${keptStateBytes} bytes of state in the log already`);
  }
  const named = namedBlobBytes - (before?.blob?.bytes ?? 0) + (after.blob?.bytes ?? 0);
  if (after.blob === undefined || named <= MAX_NAMED_BLOB_BYTES) return undefined;
  return refuse('LIMIT_EXCEEDED', `open tasks keep ${namedBlobBytes} bytes of state beside the log already`);
}
