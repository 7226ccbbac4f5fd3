import type { Tool } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import { SwarmError } from '../../../../protocol/errors.ts';
import { clip } from '../../../../tasks/clip.ts';

/** What a call came to. A refusal tells the model what to do instead, and the conversation goes on. */
export type ToolOutcome =
  | { readonly kind: 'done'; readonly text: string }
  | { readonly kind: 'refused'; readonly text: string };

/** One call, as far as the tools care. */
interface ToolCall {
  /** Names the call within its task: the same when a turn that was lost is done again. */
  readonly key: string;
  /** Aborted when the work must end at once: nothing may be changed from then on. */
  readonly signal: AbortSignal;
}

/** Something that the model may use. */
export interface AgentTool {
  readonly name: string;
  /** As the API wants to be told of it. */
  readonly declaration: Tool;
  /** @throws whatever the signal was aborted with; SwarmError STALE_FENCE when the lease is lost. */
  call(input: unknown, call: ToolCall): Promise<ToolOutcome>;
}

interface ToolDefinition<Input> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  /** Gives the text for the model. @throws SwarmError what the model may be told. */
  run(input: Input, call: ToolCall): Promise<string>;
}

/** What one call may add to the conversation, in UTF-16 code units: all of it is read anew with every turn. */
const MAX_RESULT_CHARS = 60_000;

/** The work ends here, and no model is told why. */
const FATAL: ReadonlySet<string> = new Set(['STALE_FENCE', 'BUDGET_EXHAUSTED', 'STOPPED']);

export function defineTool<Input>({ name, description, input, run }: ToolDefinition<Input>): AgentTool {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return {
    name,
    declaration: { name, description, input_schema: schema as Tool['input_schema'] },
    async call(given, call) {
      call.signal.throwIfAborted();
      const parsed = input.safeParse(given);
      if (!parsed.success) return refused(`wrong input: ${z.prettifyError(parsed.error)}`);
      try {
        const text = await run(parsed.data, call);
        call.signal.throwIfAborted();
        return { kind: 'done', text: bounded(text) };
      } catch (error) {
        call.signal.throwIfAborted();
        return refused(reasonOf(error));
      }
    },
  };
}

function refused(text: string): ToolOutcome {
  return { kind: 'refused', text: bounded(text) };
}

/** What may be told to the model. Anything else is a mistake of ours, and ends the attempt. */
function reasonOf(error: unknown): string {
  if (error instanceof SwarmError && !FATAL.has(error.code)) return error.message;
  if (!(error instanceof SwarmError) && error instanceof Error && 'syscall' in error) return error.message;
  throw error;
}

function bounded(text: string): string {
  if (text.length <= MAX_RESULT_CHARS) return text === '' ? '(nothing)' : text;
  const shown = clip(text, MAX_RESULT_CHARS);
  return `${shown}\n[${text.length - shown.length} characters more are not shown; ask for less at a time]`;
}
