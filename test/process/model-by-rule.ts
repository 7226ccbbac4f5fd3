import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** What is asked of the model: as much of a request as rules look at. */
export interface Conversation {
  readonly system?: unknown;
  readonly tools?: readonly { readonly name: string }[];
  readonly messages: readonly {
    readonly role: 'user' | 'assistant';
    readonly content: string | readonly Block[];
  }[];
  readonly stream?: boolean;
}

type Block = { readonly type: string; readonly text?: string; readonly content?: unknown };

/** What the model says next: a text, which ends the conversation, or one call of a tool. */
export type Reply = string | { readonly tool: string; readonly input: object };

/** A Messages API on loopback whose model follows a rule. */
export async function openModel(rule: (conversation: Conversation) => Reply | Promise<Reply>): Promise<{
  /** For ANTHROPIC_BASE_URL. */
  readonly url: string;
  readonly asked: readonly Conversation[];
}> {
  const asked: Conversation[] = [];
  const server = createServer(async (request, response) => {
    const conversation = (await json(request)) as Conversation;
    asked.push(conversation);
    const message = messageOf(await rule(conversation), asked.length);
    if (conversation.stream) {
      response.setHeader('content-type', 'text/event-stream');
      for (const event of eventsOf(message)) {
        response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      }
      response.end();
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(message));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** All that was said to the model in its latest turn. */
export function latestWords({ messages }: Conversation): string {
  const content = messages.at(-1)?.content ?? '';
  return typeof content === 'string' ? content : content.map((block) => JSON.stringify(block)).join('\n');
}

function messageOf(reply: Reply, number: number) {
  const isText = typeof reply === 'string';
  const block = isText
    ? { type: 'text', text: reply }
    : { type: 'tool_use', id: `toolu_${number}`, name: reply.tool, input: reply.input };
  return {
    id: `msg_${number}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5',
    content: [block],
    stop_reason: isText ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    usage: {
      input_tokens: 100,
      output_tokens: 10,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
    },
  };
}

function eventsOf(message: ReturnType<typeof messageOf>) {
  const { content, stop_reason, stop_sequence, usage, ...rest } = message;
  const [block] = content;
  const delta =
    block !== undefined && 'input' in block
      ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
      : { type: 'text_delta', text: block?.text };
  const begun =
    block !== undefined && 'input' in block ? { ...block, input: {} } : { type: 'text', text: '' };
  return [
    {
      type: 'message_start',
      message: { ...rest, content: [], stop_reason: null, stop_sequence: null, usage },
    },
    { type: 'content_block_start', index: 0, content_block: begun },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage: { output_tokens: 10 } },
    { type: 'message_stop' },
  ];
}
