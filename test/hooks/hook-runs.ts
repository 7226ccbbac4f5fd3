import { type HookContext, hookEnvironment, inheritedEnvironment } from '../../src/hooks/environment.ts';
import { type HookPhase, type HookReport, type HookRun, runHook } from '../../src/hooks/runner.ts';

/** What a hook is told when nothing else is said. */
export const CONTEXT: HookContext = {
  TASK: 'prune the roses',
  TASK_ID: 'roses',
  AGENT_ID: 'gardener-1',
  AGENT_NAME: 'gardener',
  SWARM_ID: 'garden',
  SESSION_ID: 'life-1',
  RAFT_TERM: '3',
  RAFT_LEADER: 'gardener-2',
  RAFT_ROLE: 'follower',
  FENCE: '17',
  RAFT_MANAGER_DIR: '/home/ann/garden/.raft-manager/swarm',
};

interface Setting {
  readonly phase?: HookPhase;
  readonly context?: Partial<HookContext>;
  /** The environment of our own process. */
  readonly own?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onOutput?: HookRun['onOutput'];
}

/** Runs scripts as an attempt does: our own environment is inherited through the allowlist. */
export function hook(scripts: string | readonly string[], setting: Setting = {}): Promise<HookReport> {
  const { phase = 'pre', context, own = process.env, cwd = '/', timeoutMs, onOutput } = setting;
  return runHook({
    phase,
    scripts: typeof scripts === 'string' ? [scripts] : scripts,
    environment: hookEnvironment({ ...CONTEXT, ...context }, inheritedEnvironment(own)),
    cwd,
    signal: setting.signal ?? new AbortController().signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(onOutput === undefined ? {} : { onOutput }),
  });
}
