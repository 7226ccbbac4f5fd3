import type { Change } from './change.ts';
import type { MachineState } from './state.ts';
import type { TaskRecord } from './task.ts';
import { addUsage, exhaustion, furthest, NO_USAGE, type Usage, usageSince } from './usage.ts';

/** What tasks use up, and what they may. */

/** Why the swarm takes on no more work, in words; undefined while its budget is not used up. */
export function swarmExhaustion({ usage = NO_USAGE, settings }: MachineState): string | undefined {
  return exhaustion(usage, settings);
}

/** Why the task gets no more attempts, in words. What it had used up before a person's `retry` does not count. */
export function taskExhaustion({ spec, usage = NO_USAGE, usageBefore }: TaskRecord): string | undefined {
  return exhaustion(usageBefore === undefined ? usage : usageSince(usageBefore, usage), spec);
}

/**
 * The record with what the attempt under `fence` has used up so far. Attempts report the whole of it each time, so
 * that nothing is counted twice, however often a report comes. The caller stores the record.
 */
export function countUsage(
  change: Change,
  record: TaskRecord,
  { fence, usage }: { readonly fence: number; readonly usage: Usage },
): TaskRecord {
  const known = record.progress?.fence === fence ? record.progress : undefined;
  const before = known?.usage ?? NO_USAGE;
  const after = furthest(before, usage);
  const added = usageSince(before, after);
  const { state } = change;
  const wasExhausted = swarmExhaustion(state) !== undefined;
  state.usage = addUsage(state.usage ?? NO_USAGE, added);
  tellExhaustion(change, wasExhausted ? 'exhausted' : 'open');
  return {
    ...record,
    usage: addUsage(record.usage ?? NO_USAGE, added),
    progress: { fence, turn: known?.turn ?? 0, usage: after },
  };
}

/** Tells watchers when there is no budget any more, or one again. */
export function tellExhaustion({ state, events }: Change, before: 'open' | 'exhausted'): void {
  const reason = swarmExhaustion(state);
  if ((reason !== undefined) !== (before === 'exhausted')) events.push({ type: 'budget', exhausted: reason });
}
