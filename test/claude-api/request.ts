import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
  is_error: z.boolean().optional(),
  signature: z.string().optional(),
});

const message = z.strictObject({
  role: z.enum(['user', 'assistant']),
  content: z.union([z.string().min(1), z.array(block).min(1)]),
});

const body = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  stream: z.literal(true),
  system: z.array(block),
  messages: z.array(message).min(1),
  tools: z
    .array(
      z.looseObject({
        name: z.string(),
        description: z.string(),
        input_schema: z.looseObject({ type: z.literal('object') }),
      }),
    )
    .optional(),
  thinking: z.object({ type: z.literal('adaptive'), display: z.literal('summarized') }).optional(),
});

export type MessagesBody = z.output<typeof body>;

/** One request as it came. */
export interface ApiRequest {
  /** `Authorization`, and what else the SDK says about itself. */
  readonly headers: IncomingHttpHeaders;
  readonly body: MessagesBody;
  /** Resolves when the client has hung up before the end of the answer. */
  readonly hungUp: Promise<void>;
}

/** What the real API would refuse, in its words as far as they matter; undefined for a request that it would take. */
export function faultIn(value: unknown): string | undefined {
  const parsed = body.safeParse(value);
  if (!parsed.success) return z.prettifyError(parsed.error);
  const { messages, tools = [] } = parsed.data;
  if (messages.at(-1)?.role !== 'user') return 'messages: the last one must be of the user';
  if (new Set(tools.map(({ name }) => name)).size < tools.length) return 'tools: names must be unique';
  const faults = messages.map((_, index) => faultOfMessage(parsed.data, index));
  return faults.find((fault) => fault !== undefined) ?? forgedThoughtIn(parsed.data);
}

function faultOfMessage(request: MessagesBody, index: number): string | undefined {
  const one = request.messages[index];
  if (one?.role !== (index % 2 === 0 ? 'user' : 'assistant'))
    return `messages.${index}: roles must alternate`;
  const isEmpty = blocksOf(one).some(({ type, text }) => type === 'text' && !text);
  if (isEmpty) return `messages.${index}: text must not be empty`;
  return one.role === 'assistant' ? unansweredIn(request, index) : undefined;
}

function unansweredIn({ messages }: MessagesBody, index: number): string | undefined {
  const uses = blocksOf(messages[index]).filter(({ type }) => type === 'tool_use');
  const results = new Set(blocksOf(messages[index + 1]).map(({ tool_use_id }) => tool_use_id));
  const open = uses.find(({ id }) => !results.has(id));
  return open === undefined ? undefined : `messages.${index}: tool_use ${open.id} has no tool_result`;
}

/** Thoughts are bound to the model and to all that was said before them. */
function forgedThoughtIn(request: MessagesBody): string | undefined {
  const index = request.messages.findIndex((one, at) => {
    const thoughts = blocksOf(one).filter(({ type }) => type === 'thinking');
    return thoughts.some(
      ({ signature }) =>
        signature !== signatureAfter({ ...request, messages: request.messages.slice(0, at) }),
    );
  });
  return index < 0 ? undefined : `messages.${index}: thinking blocks cannot be used in another conversation`;
}

/** What a thought in the answer to this request is signed with. */
export function signatureAfter({
  model,
  system,
  messages,
}: Pick<MessagesBody, 'model' | 'system' | 'messages'>): string {
  const said = JSON.stringify([model, system, messages], (key, value) =>
    key === 'cache_control' ? undefined : value,
  );
  return createHash('sha256').update(said).digest('hex');
}

export function blocksOf(
  one: MessagesBody['messages'][number] | undefined,
): readonly z.output<typeof block>[] {
  return one === undefined || typeof one.content === 'string' ? [] : one.content;
}
