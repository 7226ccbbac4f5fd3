/** What a hook tells Claude Code. */
export type Answer =
  | { readonly kind: 'nothing' }
  /** For the model, which goes on. */
  | { readonly kind: 'context'; readonly event: 'SessionStart' | 'SubagentStart'; readonly text: string }
  /** The tool is not called; the model reads why. */
  | { readonly kind: 'deny'; readonly reason: string }
  /** What was about to happen does not; the model reads why. */
  | { readonly kind: 'block'; readonly reason: string }
  /** For the person; everything goes on. */
  | { readonly kind: 'warn'; readonly text: string };

export const NOTHING: Answer = { kind: 'nothing' };

export interface Reply {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Exit code with which a hook blocks; its standard error is the reason. */
const BLOCKS = 2;

/** An answer in Claude Code's own form. */
export function replyOf(answer: Answer): Reply {
  switch (answer.kind) {
    case 'nothing':
      return { stdout: '', stderr: '', exitCode: 0 };
    case 'context':
      return json({ hookSpecificOutput: { hookEventName: answer.event, additionalContext: answer.text } });
    case 'deny':
      return json({
        hookSpecificOutput: {
          hookEventName: 'PreToolUse',
          permissionDecision: 'deny',
          permissionDecisionReason: answer.reason,
        },
      });
    case 'block':
      return { stdout: '', stderr: `${answer.reason}\n`, exitCode: BLOCKS };
    case 'warn':
      return json({ systemMessage: answer.text });
  }
}

function json(value: unknown): Reply {
  return { stdout: `${JSON.stringify(value)}\n`, stderr: '', exitCode: 0 };
}
