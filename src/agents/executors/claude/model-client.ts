import Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageParam, Tool } from '@anthropic-ai/sdk/resources/messages';
import { accountOf } from './credentials.ts';
import { type TurnUsage, thinksAdaptively } from './models.ts';
import { type Failure, failureOf, silenceAfter } from './outcomes.ts';
import { turnUsageOf } from './turn-usage.ts';

export interface ModelClientOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Times that a request is tried again before it fails, each after as long as the API asks for. */
  readonly maxRetries: number;
  /** Until an answer begins. */
  readonly requestTimeoutMs: number;
  /** Between two signs of life of an answer; the API sends some even while the model thinks. */
  readonly idleTimeoutMs: number;
}

export interface ModelRequest {
  readonly model: string;
  readonly system: string;
  readonly tools: readonly Tool[];
  readonly messages: readonly MessageParam[];
  readonly maxTokens: number;
}

export type ModelAnswer =
  | { readonly kind: 'answered'; readonly message: Message; readonly usage: TurnUsage }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** What was told of its cost before it broke off. */
      readonly usage: TurnUsage | undefined;
      /** How far it came: one that had begun is not tried again by the SDK. */
      readonly stage: 'refused' | 'begun';
    };

interface Listening {
  /** Aborting ends the request at once. */
  readonly signal: AbortSignal;
  onText(text: string): void;
}

/** Asks the Messages API through the SDK, one streamed answer at a time. */
export class ModelClient {
  readonly #options: ModelClientOptions;
  readonly #client: Anthropic;
  /** Called with every piece of an answer that arrives, be it only a ping. */
  #onPulse: () => void = () => undefined;

  constructor(options: ModelClientOptions) {
    this.#options = options;
    this.#client = new Anthropic({
      ...accountOf(options.environment),
      maxRetries: options.maxRetries,
      timeout: options.requestTimeoutMs,
      fetch: async (url, init) => this.#watched(await fetch(url, init)),
    });
  }

  /** @throws whatever `signal` was aborted with. */
  async ask(request: ModelRequest, { signal, onText }: Listening): Promise<ModelAnswer> {
    const { idleTimeoutMs } = this.#options;
    const idle = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const stream = this.#client.messages.stream(paramsOf(request), {
      signal: AbortSignal.any([signal, idle.signal]),
    });
    let stage: 'refused' | 'begun' = 'refused';
    let begun: Message | undefined;
    stream.on('connect', () => {
      stage = 'begun';
    });
    stream.on('streamEvent', (_event, message) => {
      begun = message;
    });
    stream.on('text', onText);
    stream.on('thinking', onText);
    stream.on('contentBlock', () => onText('\n'));
    this.#onPulse = () => {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(), idleTimeoutMs);
    };
    try {
      const message = await stream.finalMessage();
      return { kind: 'answered', message, usage: turnUsageOf(message) };
    } catch (error) {
      signal.throwIfAborted();
      const failure = idle.signal.aborted ? silenceAfter(idleTimeoutMs) : failureOf(error);
      return { kind: 'failed', failure, usage: begun && turnUsageOf(begun), stage };
    } finally {
      clearTimeout(timer);
      this.#onPulse = () => undefined;
    }
  }

  /** The SDK keeps pings to itself, and bounds only the time until an answer begins. */
  #watched(response: Response): Response {
    if (response.body === null || !response.ok) return response;
    this.#onPulse();
    const pulse = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        this.#onPulse();
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(pulse), response);
  }
}

function paramsOf({ model, system, tools, messages, maxTokens }: ModelRequest) {
  return {
    model,
    max_tokens: maxTokens,
    // What the request before this one has brought is read from the cache: most of every request is.
    system: [{ type: 'text' as const, text: system, cache_control: { type: 'ephemeral' as const } }],
    messages: withBreakpoint(messages),
    ...(tools.length === 0 ? {} : { tools: [...tools] }),
    // Otherwise newer models say nothing between two calls of tools, and whoever watches sees nothing.
    ...(thinksAdaptively(model)
      ? { thinking: { type: 'adaptive' as const, display: 'summarized' as const } }
      : {}),
  };
}

/** The last block is marked for the cache. The conversation itself has no marks: they move with every turn. */
function withBreakpoint(messages: readonly MessageParam[]): MessageParam[] {
  const last = messages.at(-1);
  if (last === undefined || last.role !== 'user' || typeof last.content === 'string') return [...messages];
  const block = last.content.at(-1);
  if (block?.type !== 'text' && block?.type !== 'tool_result') return [...messages];
  const marked = { ...block, cache_control: { type: 'ephemeral' as const } };
  return [...messages.slice(0, -1), { ...last, content: [...last.content.slice(0, -1), marked] }];
}
