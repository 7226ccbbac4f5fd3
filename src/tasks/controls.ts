import { accept, type Change } from './change.ts';
import type { ConfigureCommand, PauseCommand, TaskResult } from './command.ts';

/** The brakes. */

/** No new work begins until `resume`; what is under way goes on. Paused already: the reason is replaced. */
export function pause({ state, hash, events }: Change, { reason }: PauseCommand): TaskResult<'pause'> {
  if (state.paused !== reason) events.push({ type: 'paused', reason });
  state.paused = reason;
  hash.value(reason);
  return accept({ paused: true });
}

export function resume({ state, hash, events }: Change): TaskResult<'resume'> {
  if (state.paused !== undefined) events.push({ type: 'resumed' });
  state.paused = undefined;
  hash.value(undefined);
  return accept({ paused: false });
}

export function configure(
  { state, hash, events }: Change,
  command: ConfigureCommand,
): TaskResult<'configure'> {
  const { maxActive, attempts, leaseMs } = state.settings;
  state.settings = {
    maxActive: command.maxActive ?? maxActive,
    attempts: command.attempts ?? attempts,
    leaseMs: command.leaseMs ?? leaseMs,
  };
  hash.value(state.settings);
  events.push({ type: 'configured' });
  return accept(state.settings);
}
