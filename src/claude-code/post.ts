import { fileWithHooks } from './agent-file.ts';
import { type Answer, NOTHING } from './answer.ts';
import type { HookInput } from './input.ts';
import type { Session } from './session.ts';

export interface PostRun {
  readonly agentType: string;
  readonly task: string;
  readonly success: 'true' | 'false';
}

/** Runs the post hook of an agent that has ended. It cannot undo anything: that it failed is told, no more. */
export async function runPost(
  input: HookInput,
  session: Session,
  { agentType, task, success }: PostRun,
): Promise<Answer> {
  const file = fileWithHooks(agentType, session);
  if (file === undefined) return NOTHING;
  const { runAgentHook } = await import('./agent-hooks.ts');
  const outcome = await runAgentHook({ phase: 'post', agentType, file, task, success }, input, session);
  return outcome.kind === 'done' ? NOTHING : { kind: 'warn', text: `raft-manager: ${outcome.reason}` };
}
