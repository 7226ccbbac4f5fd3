import { z } from 'zod';

/** What one request to the model cost. */
export interface TokenCount {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

export interface ToolCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One message of the model. A long one comes in several events of the same `messageId`. */
export interface SaidEvent {
  readonly type: 'said';
  readonly messageId: string;
  /** By a subagent that the session started for itself. */
  readonly isSubagent: boolean;
  readonly texts: readonly string[];
  readonly calls: readonly ToolCall[];
  readonly tokens: TokenCount;
  readonly stopReason: string | undefined;
  /** The client's own name for what went wrong with the request, such as `rate_limit`. */
  readonly error: string | undefined;
}

/** How the client says that the session went. */
export interface EndedEvent {
  readonly type: 'ended';
  /** `success`, `error_max_turns`, `error_during_execution`, … */
  readonly subtype: string;
  /** True also with `success`, when the last request failed: `text` says how. */
  readonly isError: boolean;
  readonly text: string;
  readonly errors: readonly string[];
  readonly turns: number;
  readonly costUsd: number;
  readonly tokens: TokenCount;
  readonly stopReason: string | undefined;
  /** HTTP status of the request that failed. */
  readonly status: number | undefined;
  /** Tools that it was not allowed to use. */
  readonly denied: readonly string[];
}

/** What of the client's stream is of interest here. */
export type ClaudeEvent =
  | { readonly type: 'started'; readonly model: string }
  | SaidEvent
  /** The tools have answered: the turn is over, and on disk. */
  | { readonly type: 'answered' }
  | { readonly type: 'retrying'; readonly attempt: number; readonly status: number | undefined }
  | EndedEvent;

// The stream grows with every release of the client: what is missing or of another form counts as absent.
const text = z.string().catch('');
const maybeText = z.string().optional().catch(undefined);
const count = z.number().int().nonnegative().catch(0);
const maybeCount = z.number().int().nonnegative().optional().catch(undefined);

const tokens = z
  .object({
    input_tokens: count,
    output_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
  })
  .catch({
    input_tokens: 0,
    output_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  })
  .transform(
    (usage): TokenCount => ({
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheReadTokens: usage.cache_read_input_tokens,
      cacheWriteTokens: usage.cache_creation_input_tokens,
    }),
  );

const block = z.object({
  type: text,
  text,
  name: text,
  input: z.record(z.string(), z.unknown()).catch({}),
});

const system = z.object({
  subtype: text,
  model: text,
  attempt: count,
  error_status: maybeCount,
});

const assistant = z.object({
  message: z.object({
    id: text,
    content: z.array(block).catch([]),
    usage: tokens,
    stop_reason: maybeText,
  }),
  parent_tool_use_id: maybeText,
  error: maybeText,
});

const user = z.object({ parent_tool_use_id: maybeText });

const result = z.object({
  subtype: text,
  is_error: z.boolean().catch(false),
  result: text,
  errors: z.array(text).catch([]),
  num_turns: count,
  total_cost_usd: z.number().nonnegative().catch(0),
  usage: tokens,
  stop_reason: maybeText,
  api_error_status: maybeCount,
  permission_denials: z.array(z.object({ tool_name: text })).catch([]),
});

/** One line of the stream; undefined when it is none, or says nothing that matters here. */
export function readEvent(line: string): ClaudeEvent | undefined {
  const value = parse(line);
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  switch (value.type) {
    case 'system':
      return readSystem(value);
    case 'assistant':
      return readAssistant(value);
    case 'user':
      // Of a subagent: the turn of the session itself goes on.
      return user.safeParse(value).data?.parent_tool_use_id === undefined ? { type: 'answered' } : undefined;
    case 'result':
      return readResult(value);
    default:
      return undefined;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readSystem(value: object): ClaudeEvent | undefined {
  const { data } = system.safeParse(value);
  if (data?.subtype === 'init') return { type: 'started', model: data.model };
  if (data?.subtype !== 'api_retry') return undefined;
  return { type: 'retrying', attempt: data.attempt, status: data.error_status };
}

function readAssistant(value: object): ClaudeEvent | undefined {
  const { data } = assistant.safeParse(value);
  if (data === undefined) return undefined;
  const { id, content, usage, stop_reason } = data.message;
  return {
    type: 'said',
    messageId: id,
    isSubagent: data.parent_tool_use_id !== undefined,
    texts: content.filter(({ type }) => type === 'text').map((one) => one.text),
    calls: content.filter(({ type }) => type === 'tool_use'),
    tokens: usage,
    stopReason: stop_reason,
    error: data.error,
  };
}

function readResult(value: object): ClaudeEvent | undefined {
  const { data } = result.safeParse(value);
  if (data === undefined) return undefined;
  return {
    type: 'ended',
    subtype: data.subtype,
    isError: data.is_error,
    text: data.result,
    errors: data.errors,
    turns: data.num_turns,
    costUsd: data.total_cost_usd,
    tokens: data.usage,
    stopReason: data.stop_reason,
    status: data.api_error_status,
    denied: data.permission_denials.map(({ tool_name }) => tool_name),
  };
}
