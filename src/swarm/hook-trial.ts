import type { AgentDefinition } from '../agents/definition.ts';
import { hookEnvironment, inheritedEnvironment } from '../hooks/environment.ts';
import { type HookReport, runHook } from '../hooks/runner.ts';
import { SwarmError } from '../protocol/errors.ts';
import { decideHooks } from './hook-policy.ts';
import { locateProject } from './layout.ts';

/** What the hooks are run around. */
export interface HookOccasion {
  readonly phase: 'pre' | 'post';
  /** Text of the task: `TASK`. */
  readonly task: string;
  /** `TASK_ID`; default: `by-hand`. */
  readonly taskId?: string;
  /** How the task went: `SUCCESS`, for `post` only. Default: `succeeded`. */
  readonly outcome?: 'succeeded' | 'failed';
  /** Working folder; default: the current one. */
  readonly cwd?: string;
  /** Ends them. */
  readonly signal?: AbortSignal;
  onOutput?(text: string): void;
}

/**
 * Runs an agent's hooks outside any swarm, under the same rules as around a task: only what a person on this machine has
 * allowed, in an environment of its own, for at most 30 s. A hook that fails is a report, not an error.
 *
 * @throws SwarmError HOOK_DENIED when nobody has allowed them; BAD_INPUT when the task cannot be put into an environment.
 */
export async function runHooks(agent: AgentDefinition, occasion: HookOccasion): Promise<HookReport> {
  const { phase, task, taskId = 'by-hand', outcome = 'succeeded', cwd = process.cwd(), onOutput } = occasion;
  const policy = await decideHooks(agent, true);
  if (policy.kind === 'denied') throw new SwarmError('HOOK_DENIED', policy.reason);
  const place = locateProject(undefined, process.env, cwd);
  const context = {
    TASK: task,
    TASK_ID: taskId,
    AGENT_ID: agent.name,
    AGENT_NAME: agent.name,
    SWARM_ID: '',
    SESSION_ID: '',
    RAFT_TERM: '0',
    RAFT_LEADER: '',
    RAFT_ROLE: '',
    FENCE: '0',
    RAFT_MANAGER_DIR: place.named ?? place.state,
    ...(phase === 'pre' ? {} : ({ SUCCESS: outcome === 'succeeded' ? 'true' : 'false' } as const)),
  };
  return runHook({
    phase,
    scripts: agent.hooks[phase],
    environment: hookEnvironment(context, inheritedEnvironment(process.env)),
    cwd,
    signal: occasion.signal ?? new AbortController().signal,
    ...(onOutput === undefined ? {} : { onOutput }),
  });
}
