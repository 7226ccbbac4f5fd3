import { delimiter, join } from 'node:path';
import { loadAgentFile } from '../agents/load.ts';
import { type HookContext, hookEnvironment, inheritedEnvironment } from '../hooks/environment.ts';
import { type HookPhase, runHook } from '../hooks/runner.ts';
import { SwarmError } from '../protocol/errors.ts';
import { decideHooks } from '../swarm/hook-policy.ts';
import type { HookInput } from './input.ts';
import { GLANCE, type Session } from './session.ts';

/** Loaded only for an agent that has hooks: it takes all that reads and checks a definition. */

export interface AgentRun {
  readonly phase: HookPhase;
  readonly agentType: string;
  readonly file: string;
  /** What the agent was asked to do. */
  readonly task: string;
  /** Only after it. */
  readonly success?: 'true' | 'false';
}

/** `denied`: nobody allowed the hooks on this machine, so they did not run. */
export type AgentHookOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' | 'denied'; readonly reason: string };

/** Runs the pre or post hook of an agent's definition, if a person on this machine has allowed it. */
export async function runAgentHook(
  run: AgentRun,
  input: HookInput,
  session: Session,
): Promise<AgentHookOutcome> {
  const definition = await loadAgentFile(run.file);
  const scripts = definition.hooks[run.phase];
  if (scripts.length === 0) return { kind: 'done' };
  const policy = await decideHooks(definition, false);
  if (policy.kind === 'denied') return { kind: 'denied', reason: policy.reason };
  const context = { ...(await contextOf(run, input, session)), AGENT_NAME: definition.name };
  const report = await runHook({
    phase: run.phase,
    scripts,
    environment: hookEnvironment(context, inheritedEnvironment(withOwnCommand(session))),
    cwd: input.cwd,
    signal: new AbortController().signal,
  });
  if (report.outcome === 'succeeded') return { kind: 'done' };
  const said = [report.stdout, report.stderr].map((text) => text.trim()).filter((text) => text !== '');
  const reason = `the ${run.phase} hook of ${definition.name} ${report.reason ?? report.outcome}`;
  return { kind: 'failed', reason: [reason, ...said].join('\n') };
}

/** The plugin brings the command that its agents' hooks call. */
function withOwnCommand({ environment }: Session): Session['environment'] {
  const { CLAUDE_PLUGIN_ROOT: root, PATH = '' } = environment;
  return root === undefined
    ? environment
    : { ...environment, PATH: `${join(root, 'bin')}${delimiter}${PATH}` };
}

async function contextOf(
  { agentType, task, success }: AgentRun,
  input: HookInput,
  session: Session,
): Promise<HookContext> {
  return {
    TASK: task,
    TASK_ID: input.toolUseId,
    AGENT_ID: input.agentId ?? session.holder,
    AGENT_NAME: agentType,
    SESSION_ID: input.sessionId,
    FENCE: '0',
    ...(await swarmContext(session)),
    ...(success === undefined ? {} : { SUCCESS: success }),
  };
}

type SwarmContext = Pick<
  HookContext,
  'SWARM_ID' | 'RAFT_TERM' | 'RAFT_LEADER' | 'RAFT_ROLE' | 'RAFT_MANAGER_DIR'
>;

/** A hook may be there to find out that there is no swarm: it runs without one, too. */
async function swarmContext(session: Session): Promise<SwarmContext> {
  try {
    return await session.talk(GLANCE, async (node) => {
      const { leaderId, role, term } = await node.ask({ kind: 'status' });
      return {
        SWARM_ID: node.swarm,
        RAFT_TERM: String(term),
        RAFT_LEADER: leaderId ?? '',
        RAFT_ROLE: role,
        RAFT_MANAGER_DIR: node.folder.root,
      };
    });
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    const nowhere = { SWARM_ID: '', RAFT_TERM: '0', RAFT_LEADER: '', RAFT_ROLE: '' };
    return { ...nowhere, RAFT_MANAGER_DIR: session.project.named ?? session.project.state };
  }
}
