import { endSubagent, forgetCall, listSubagents, noteCall } from '../../swarm/claude-session.ts';
import { prepareStateFolder } from '../../swarm/layout.ts';
import { fileWithHooks } from '../agent-file.ts';
import { type Answer, NOTHING } from '../answer.ts';
import { type HookInput, textOf } from '../input.ts';
import { runPost } from '../post.ts';
import type { Session } from '../session.ts';

/** Before a subagent is started: its definition's pre hook runs, and may keep it from starting. */
export async function beforeAgentCall(input: HookInput, session: Session): Promise<Answer> {
  const { agentType, task } = callOf(input);
  const file = fileWithHooks(agentType, session);
  if (file === undefined && !session.hasState) return NOTHING;
  if (!session.hasState) prepareStateFolder(session.project.state);
  if (!noteCall(session.folder, { toolUseId: input.toolUseId, agentType, task })) return NOTHING;
  if (file === undefined) return NOTHING;
  const { runAgentHook } = await import('../agent-hooks.ts');
  const outcome = await runAgentHook({ phase: 'pre', agentType, file, task }, input, session);
  if (outcome.kind === 'done') return NOTHING;
  if (outcome.kind === 'denied') return { kind: 'warn', text: `raft-manager: ${outcome.reason}` };
  forgetCall(session.folder, input.toolUseId);
  return { kind: 'block', reason: `raft-manager: ${outcome.reason}` };
}

/** A subagent that is left running in the background is not over: `SubagentStop` tells when it is. */
const LAUNCHED = 'async_launched';

/** The call of the Agent tool has come back: the post hook runs, unless the subagent's end was heard of before. */
export async function afterAgentCall(input: HookInput, session: Session): Promise<Answer> {
  const { agentType, task } = callOf(input);
  forgetCall(session.folder, input.toolUseId);
  if (textOf(input.toolResponse, 'status') === LAUNCHED) return NOTHING;
  const agentId = textOf(input.toolResponse, 'agentId') ?? agentOf(input, session);
  const isFirst = agentId === undefined || !session.hasState || endSubagent(session.folder, agentId).isFirst;
  if (!isFirst) return NOTHING;
  const success = input.event === 'PostToolUseFailure' ? 'false' : 'true';
  return runPost(input, session, { agentType, task, success });
}

/** A call that failed does not say which subagent it was. */
function agentOf({ toolUseId }: HookInput, { folder }: Session): string | undefined {
  return listSubagents(folder).find(({ call }) => call?.toolUseId === toolUseId)?.agentId;
}

function callOf({ toolInput }: HookInput): { readonly agentType: string; readonly task: string } {
  return {
    agentType: textOf(toolInput, 'subagent_type') ?? 'general-purpose',
    task: textOf(toolInput, 'prompt') ?? '',
  };
}
