import { swarmExhaustion, tellExhaustion } from './budget.ts';
import { accept, type Change } from './change.ts';
import type { ConfigureCommand, PauseCommand, TaskResult } from './command.ts';
import type { Settings } from './state.ts';

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

export function configure(change: Change, command: ConfigureCommand): TaskResult<'configure'> {
  const { state, hash, events } = change;
  const { maxActive, attempts, leaseMs } = state.settings;
  const before = swarmExhaustion(state) === undefined ? 'open' : 'exhausted';
  state.settings = {
    maxActive: command.maxActive ?? maxActive,
    attempts: command.attempts ?? attempts,
    leaseMs: command.leaseMs ?? leaseMs,
    ...limitsAfter(state.settings, command),
  };
  hash.value(state.settings);
  events.push({ type: 'configured' });
  tellExhaustion(change, before);
  return accept(state.settings);
}

/** A state knows no null: a limit that was lifted is 0. */
function limitsAfter(
  before: Settings,
  command: ConfigureCommand,
): Pick<Settings, 'maxTokens' | 'maxCostMicros'> {
  const { maxTokens = before.maxTokens, maxCostMicros = before.maxCostMicros } = command;
  return {
    ...(maxTokens === undefined ? {} : { maxTokens: maxTokens ?? 0 }),
    ...(maxCostMicros === undefined ? {} : { maxCostMicros: maxCostMicros ?? 0 }),
  };
}
