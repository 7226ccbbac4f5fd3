/** What the scripted Messages API answers. */

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown };

export interface TokenCounts {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_read_input_tokens?: number;
  readonly cache_creation_input_tokens?: number;
  readonly inference_geo?: string;
}

interface Answer {
  readonly kind: 'answer';
  readonly blocks: readonly Block[];
  readonly stop: string;
  readonly usage: TokenCounts;
  readonly explanation?: string;
}

/** An answer that begins with `blocks` and does not end as it should. */
interface BrokenAnswer {
  readonly kind: 'broken';
  readonly blocks: readonly Block[];
  readonly usage: TokenCounts;
  readonly how:
    | 'hangs'
    | 'is cut'
    | 'ends early'
    | 'turns to garbage'
    | { readonly error: string; readonly message: string };
}

interface ErrorReply {
  readonly kind: 'error';
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly errorCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Reply = Answer | BrokenAnswer | ErrorReply | { readonly kind: 'silence' };

const USAGE: TokenCounts = { input_tokens: 10, output_tokens: 5 };

let calls = 0;

export function text(said: string): Block {
  return { type: 'text', text: said };
}

export function thought(thinking: string): Block {
  return { type: 'thinking', thinking };
}

export function use(name: string, input: unknown): Block {
  return { type: 'tool_use', id: `toolu_${++calls}`, name, input };
}

/** The model is done. */
export function says(said: string, usage: TokenCounts = USAGE): Reply {
  return { kind: 'answer', blocks: [text(said)], stop: 'end_turn', usage };
}

/** The model wants its tools. */
export function wants(...blocks: readonly Block[]): Reply {
  return { kind: 'answer', blocks, stop: 'tool_use', usage: USAGE };
}

/** The model stops for another reason. */
export function stops(stop: string, said = 'so far', explanation?: string): Reply {
  const why = explanation === undefined ? {} : { explanation };
  return { kind: 'answer', blocks: [text(said)], stop, usage: USAGE, ...why };
}

export function breaks(how: BrokenAnswer['how']): Reply {
  return { kind: 'broken', blocks: [text('I beg')], usage: USAGE, how };
}

export function fails(
  status: number,
  type: string,
  more: Partial<Pick<ErrorReply, 'message' | 'errorCode' | 'headers'>> = {},
): Reply {
  return { kind: 'error', status, type, message: 'as the script has it', ...more };
}

/** Nothing comes at all. */
export const silence: Reply = { kind: 'silence' };
