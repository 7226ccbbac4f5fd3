import type { ServerResponse } from 'node:http';
import { type MessagesBody, signatureAfter } from './request.ts';
import type { Block, Reply, TokenCounts } from './script.ts';

/** Server-sent events as the Messages API sends them: text in pieces, input of tools as pieces of JSON. */

type Answer = Extract<Reply, { kind: 'answer' }>;
type Broken = Extract<Reply, { kind: 'broken' }>;

let answers = 0;

export function sendAnswer(response: ServerResponse, request: MessagesBody, reply: Answer): void {
  begin(response, request, reply.usage);
  for (const [index, block] of reply.blocks.entries()) sendBlock(response, { index, block, request });
  const { stop, explanation, usage } = reply;
  const details =
    stop === 'refusal' ? { type: 'refusal', category: null, explanation: explanation ?? null } : null;
  event(response, 'message_delta', {
    delta: { stop_reason: stop, stop_sequence: null, stop_details: details, container: null },
    usage: { output_tokens: usage.output_tokens ?? 0 },
  });
  event(response, 'message_stop', {});
  response.end();
}

export function sendBroken(
  response: ServerResponse,
  request: MessagesBody,
  { blocks, usage, how }: Broken,
): void {
  begin(response, request, usage);
  for (const [index, block] of blocks.entries()) sendBlock(response, { index, block, request });
  if (how === 'hangs') return;
  if (how === 'is cut') {
    // After what has been written is on its way.
    response.write('event: message_delta\n', () => response.destroy());
    return;
  }
  if (how === 'turns to garbage') response.write('event: message_delta\ndata: {"type": "message_\n\n');
  if (typeof how === 'object') event(response, 'error', { error: { type: how.error, message: how.message } });
  response.end();
}

function begin(response: ServerResponse, { model }: MessagesBody, usage: TokenCounts): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  event(response, 'message_start', {
    message: {
      ...{ id: `msg_${++answers}`, type: 'message', role: 'assistant', model, content: [] },
      ...{ stop_reason: null, stop_sequence: null, stop_details: null, container: null, diagnostics: null },
      usage: { ...usage, output_tokens: 1 },
    },
  });
  event(response, 'ping', {});
}

function sendBlock(
  response: ServerResponse,
  {
    index,
    block,
    request,
  }: { readonly index: number; readonly block: Block; readonly request: MessagesBody },
): void {
  event(response, 'content_block_start', { index, content_block: emptied(block) });
  for (const delta of deltasOf(block, request)) event(response, 'content_block_delta', { index, delta });
  event(response, 'content_block_stop', { index });
}

function emptied(block: Block): object {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool_use':
      return { ...block, input: {} };
  }
}

function deltasOf(block: Block, request: MessagesBody): readonly object[] {
  switch (block.type) {
    case 'text':
      return halves(block.text).map((text) => ({ type: 'text_delta', text }));
    case 'thinking':
      return [
        ...halves(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: signatureAfter(request) },
      ];
    case 'tool_use':
      return halves(JSON.stringify(block.input)).map((part) => ({
        type: 'input_json_delta',
        partial_json: part,
      }));
  }
}

function halves(text: string): readonly string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}

function event(response: ServerResponse, type: string, data: object): void {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
}
