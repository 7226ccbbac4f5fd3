import type { Model, Operation } from './linearizability.ts';

export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: string }
  | { readonly kind: 'cas'; readonly from: string; readonly to: string };

/** One register; `nil` until it is written. A read's output is its value. */
export const REGISTER: Model<string, RegisterInput, string> = {
  initial: 'nil',
  isRead: ({ kind }) => kind === 'read',
  step(state, input, output) {
    switch (input.kind) {
      case 'read':
        return output === undefined || output === state ? state : undefined;
      case 'write':
        return input.value;
      case 'cas':
        if (state === input.from) return input.to;
        // Without an answer it may have been refused, with one it was not.
        return output === undefined ? state : undefined;
    }
  },
};

export interface KeyedInput {
  readonly kind: 'get' | 'put' | 'append';
  readonly key: string;
  readonly value: string;
}

/** One key of a store whose values grow by concatenation; empty until it is written. */
export const KEYED_STRING: Model<string, KeyedInput, string> = {
  initial: '',
  isRead: ({ kind }) => kind === 'get',
  step(state, input, output) {
    if (input.kind === 'put') return input.value;
    if (input.kind === 'append') return state + input.value;
    return output === undefined || output === state ? state : undefined;
  },
};

interface RecordedLine<Input> {
  readonly process: string;
  readonly type: string;
  readonly input: Input;
  /** The value a read brought back. */
  readonly output: string;
}

/**
 * Pairs the lines of a recording. `fail` did not happen and leaves the history; `info` and whatever
 * has no second line may happen at any later time. A process that ended with `info` never calls again.
 */
function pair<Input>(lines: readonly RecordedLine<Input>[]): readonly Operation<Input, string>[] {
  const open = new Map<string, { readonly input: Input; readonly invokedAt: number }>();
  const operations: Operation<Input, string>[] = [];
  lines.forEach((line, at) => {
    if (line.type === 'invoke') {
      if (open.has(line.process)) throw new Error(`line ${at + 1}: process ${line.process} calls twice`);
      open.set(line.process, { input: line.input, invokedAt: at });
      return;
    }
    const call = open.get(line.process);
    if (call === undefined) throw new Error(`line ${at + 1}: process ${line.process} has no open call`);
    if (line.type === 'info') return;
    open.delete(line.process);
    if (line.type === 'ok') operations.push({ ...call, output: line.output, returnedAt: at });
  });
  for (const call of open.values()) {
    operations.push({ ...call, output: undefined, returnedAt: Number.POSITIVE_INFINITY });
  }
  return operations;
}

const JEPSEN_LINE = /^INFO\s+jepsen\.util - (\d+)\t:(invoke|ok|fail|info)\t:(read|write|cas)\t(.*)$/;

/** Reads a log of one register: `INFO jepsen.util - process :type :operation value`. */
export function parseRegisterHistory(text: string): readonly Operation<RegisterInput, string>[] {
  const lines = matches(text, JEPSEN_LINE).map(([, process = '', type = '', kind, value = '']) => ({
    process,
    type,
    input: registerInput(kind, value),
    output: value,
  }));
  return pair(lines);
}

function registerInput(kind: string | undefined, value: string): RegisterInput {
  if (kind === 'write') return { kind, value };
  if (kind !== 'cas') return { kind: 'read' };
  const [from = '', to = ''] = value.slice(1, -1).split(' ');
  return { kind, from, to };
}

const KEYED_LINE =
  /^\{:process (\d+), :type :(invoke|ok|fail|info), :f :(get|put|append), :key "(.*)", :value (?:nil|"(.*)")\}$/;

/** Reads a log of a keyed store: one map a line, in the notation of its test tool. */
export function parseKeyedHistory(text: string): readonly Operation<KeyedInput, string>[] {
  const lines = matches(text, KEYED_LINE).map(([, process = '', type = '', kind, key = '', value = '']) => ({
    process,
    type,
    input: { kind: kind === 'get' || kind === 'put' ? kind : 'append', key, value } as const,
    output: value,
  }));
  return pair(lines);
}

/** The lines of operations; a recording also holds lines about the test itself. */
function matches(text: string, pattern: RegExp): readonly RegExpMatchArray[] {
  const found: RegExpMatchArray[] = [];
  for (const line of text.split('\n')) {
    const match = line.match(pattern);
    if (match !== null) found.push(match);
  }
  return found;
}
