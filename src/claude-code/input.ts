/** One event as Claude Code puts it on the standard input of a hook. Which fields there are depends on the event. */
export interface HookInput {
  readonly event: string;
  readonly sessionId: string;
  /** Where the session works just now. */
  readonly cwd: string;
  /** The subagent in which it happened; absent in the main conversation. */
  readonly agentId?: string;
  readonly agentType?: string;
  readonly toolName: string;
  readonly toolUseId: string;
  readonly toolInput: Fields;
  readonly toolResponse: Fields;
  /** Everything, for what only one event has. */
  readonly fields: Fields;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Undefined for what is no event of Claude Code. */
export function readInput(json: string): HookInput | undefined {
  const fields = asFields(parse(json));
  const event = textOf(fields, 'hook_event_name');
  if (event === undefined) return undefined;
  const agentId = textOf(fields, 'agent_id');
  const agentType = textOf(fields, 'agent_type');
  return {
    event,
    sessionId: textOf(fields, 'session_id') ?? '',
    cwd: textOf(fields, 'cwd') ?? process.cwd(),
    ...(agentId === undefined ? {} : { agentId }),
    ...(agentType === undefined ? {} : { agentType }),
    toolName: textOf(fields, 'tool_name') ?? '',
    toolUseId: textOf(fields, 'tool_use_id') ?? '',
    toolInput: asFields(fields.tool_input),
    toolResponse: asFields(fields.tool_response),
    fields,
  };
}

/** The field, if it is a text with something in it. */
export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
