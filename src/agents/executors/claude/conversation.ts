import { createHash } from 'node:crypto';
import type {
  ContentBlock,
  MessageParam,
  TextBlockParam,
  Tool,
  ToolResultBlockParam,
  ToolUseBlock,
} from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { Situation } from './system-prompt.ts';
import type { ToolOutcome } from './tools/tool.ts';

/** All that the next turn depends on. After each completed turn it is saved with the task. */
export interface Conversation {
  /** Completed turns, of all attempts. */
  readonly turns: number;
  readonly situation: Situation;
  /** Of what the messages were said under. */
  readonly setting: string;
  readonly messages: readonly MessageParam[];
  /** Files that the agent has seen, and the hash of what it saw. */
  readonly seen: Readonly<Record<string, string>>;
}

/** Model, instructions and tools: thoughts of a model mean nothing under another one's. */
export function settingOf(setting: {
  readonly model: string;
  readonly system: string;
  readonly tools: readonly Tool[];
}): string {
  return createHash('sha256').update(JSON.stringify(setting)).digest('hex');
}

/** A turn is over: what the model said, and what its tools brought. */
export function withTurn(
  conversation: Conversation,
  turn: {
    readonly content: readonly ContentBlock[];
    readonly results: readonly ToolResultBlockParam[];
    readonly seen: Readonly<Record<string, string>>;
  },
): Conversation {
  const said: MessageParam = { role: 'assistant', content: plain(turn.content) };
  const answer: MessageParam[] =
    turn.results.length === 0 ? [] : [{ role: 'user', content: [...turn.results] }];
  return {
    ...conversation,
    turns: conversation.turns + 1,
    messages: [...conversation.messages, said, ...answer],
    seen: turn.seen,
  };
}

export function resultOf({ id }: ToolUseBlock, { kind, text }: ToolOutcome): ToolResultBlockParam {
  return {
    type: 'tool_result',
    tool_use_id: id,
    content: text,
    ...(kind === 'refused' ? { is_error: true } : {}),
  };
}

/** Adds something to what the model is told next. */
export function withRemark(conversation: Conversation, remark: TextBlockParam): Conversation {
  const last = conversation.messages.at(-1);
  if (last?.role !== 'user') return conversation;
  const before: TextBlockParam[] | typeof last.content =
    typeof last.content === 'string' ? [{ type: 'text', text: last.content }] : last.content;
  const messages = [...conversation.messages.slice(0, -1), { ...last, content: [...before, remark] }];
  return { ...conversation, messages };
}

/**
 * Without the thoughts in it. The API takes them back only from the account and under the model, instructions and tools
 * that they came from; what was said and done stays.
 */
export function withoutThoughts(conversation: Conversation): Conversation {
  const messages = conversation.messages.map((message): MessageParam => {
    if (message.role !== 'assistant' || typeof message.content === 'string') return message;
    const kept = message.content.filter(({ type }) => type !== 'thinking' && type !== 'redacted_thinking');
    return { ...message, content: kept.length === 0 ? [{ type: 'text', text: '(thinking)' }] : kept };
  });
  return { ...conversation, messages };
}

export function hasThoughts({ messages }: Conversation): boolean {
  return messages.some(
    ({ content }) =>
      typeof content !== 'string' &&
      content.some(({ type }) => type === 'thinking' || type === 'redacted_thinking'),
  );
}

/** Without what the SDK keeps in its blocks for itself. */
function plain(content: readonly ContentBlock[]): ContentBlock[] {
  return JSON.parse(JSON.stringify(content));
}

const block = z.looseObject({ type: z.string() });
const messageSchema = z.object({
  role: z.enum(['user', 'assistant']),
  content: z.union([z.string(), z.array(block)]),
});

const savedSchema = z.object({
  executor: z.literal('claude'),
  version: z.literal(1),
  turns: z.int().min(0),
  setting: z.string(),
  situation: z.object({
    instanceId: z.string(),
    taskId: z.string(),
    attempt: z.int(),
    fence: z.int(),
    coordinator: z.string().nullable(),
  }),
  messages: z.array(messageSchema).min(1),
  seen: z.record(z.string(), z.string()),
});

/** A later release reads what this one writes: what is added must be optional, else `version` moves. */
export function encodeConversation(conversation: Conversation): Uint8Array {
  const saved = { executor: 'claude', version: 1, ...conversation };
  return new TextEncoder().encode(JSON.stringify(saved));
}

/** Undefined for what another executor or a later release has left there. */
export function decodeConversation(state: Uint8Array): Conversation | undefined {
  const { data } = savedSchema.safeParse(parse(new TextDecoder().decode(state)));
  if (data === undefined) return undefined;
  const { turns, setting, situation, messages, seen } = data;
  // The API checks the blocks of a message better than we could.
  return { turns, setting, situation, messages: messages as MessageParam[], seen };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
