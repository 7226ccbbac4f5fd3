import { SwarmError } from '../protocol/errors.ts';
import { type Answer, NOTHING, type Reply, replyOf } from './answer.ts';
import { afterAgentCall, beforeAgentCall } from './events/agent-call.ts';
import { onFileEdit } from './events/file-edit.ts';
import { onSessionEnd } from './events/session-end.ts';
import { onSessionStart } from './events/session-start.ts';
import { onSubagentStart } from './events/subagent-start.ts';
import { onSubagentStop } from './events/subagent-stop.ts';
import { onTaskCompleted } from './events/task-completed.ts';
import { onTaskCreated } from './events/task-created.ts';
import { onTeammateIdle } from './events/teammate-idle.ts';
import { type HookInput, readInput } from './input.ts';
import { type Session, sessionOf } from './session.ts';

type Handler = (input: HookInput, session: Session) => Promise<Answer>;

/**
 * - `open`: without a swarm everything goes on, and the person is told.
 * - `closed`: without a majority it must not happen.
 * - `silent`: a session may begin before its swarm does, and must be able to end.
 */
interface Duty {
  readonly handle: Handler;
  readonly without: 'open' | 'closed' | 'silent';
}

const AGENT_TOOLS = /^(Agent|Task)$/;
const EDIT_TOOLS = /^(Edit|MultiEdit|Write|NotebookEdit)$/;

function dutyOf({ event, toolName }: HookInput): Duty | undefined {
  switch (event) {
    case 'PreToolUse':
      if (EDIT_TOOLS.test(toolName)) return { handle: onFileEdit, without: 'open' };
      return AGENT_TOOLS.test(toolName) ? { handle: beforeAgentCall, without: 'open' } : undefined;
    case 'PostToolUse':
    case 'PostToolUseFailure':
      return AGENT_TOOLS.test(toolName) ? { handle: afterAgentCall, without: 'open' } : undefined;
    case 'SessionStart':
      return { handle: onSessionStart, without: 'silent' };
    case 'SessionEnd':
      return { handle: onSessionEnd, without: 'silent' };
    case 'SubagentStart':
      return { handle: onSubagentStart, without: 'open' };
    case 'SubagentStop':
      return { handle: onSubagentStop, without: 'open' };
    case 'TaskCreated':
      return { handle: onTaskCreated, without: 'open' };
    case 'TaskCompleted':
      return { handle: onTaskCompleted, without: 'closed' };
    case 'TeammateIdle':
      return { handle: onTeammateIdle, without: 'open' };
    default:
      return undefined;
  }
}

/** What to answer to one event, given as JSON. Never throws for what is wrong with the swarm. */
export async function replyTo(
  json: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Reply> {
  const input = readInput(json);
  if (input === undefined) {
    return { stdout: '', stderr: 'raft-manager: expected an event of Claude Code as JSON\n', exitCode: 1 };
  }
  const duty = dutyOf(input);
  return replyOf(duty === undefined ? NOTHING : await perform(duty, input, environment));
}

async function perform(
  { handle, without }: Duty,
  input: HookInput,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  try {
    return await handle(input, sessionOf(input, environment));
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    switch (without) {
      case 'silent':
        return NOTHING;
      case 'closed':
        return { kind: 'block', reason: `raft-manager: ${input.event} cannot be decided: ${error.message}` };
      case 'open':
        return { kind: 'warn', text: `raft-manager: ${input.event} is not guarded: ${error.message}` };
    }
  }
}

/** One call of the hook: the event on standard input, the answer as Claude Code wants it. Ends the process. */
export async function answerHook(): Promise<never> {
  let json = '';
  for await (const piece of process.stdin.setEncoding('utf8')) json += piece;
  const { stdout, stderr, exitCode } = await replyTo(json, process.env);
  // Links that are open would keep the process; what is written to a pipe here is written at once.
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exit(exitCode);
}
