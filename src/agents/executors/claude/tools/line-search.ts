import { createContext, Script } from 'node:vm';
import { SwarmError } from '../../../../protocol/errors.ts';

/** How long one expression may hold up the process on one text: elections go on beside it. */
const MAX_STALL_MS = 200;

/** Something found: lines from 0, the last one included. */
export interface Found {
  readonly from: number;
  readonly to: number;
}

/**
 * Searches texts for an expression that somebody made up. Some expressions take longer than the world will last, so the
 * engine is given a time and stopped.
 */
export class LineSearch {
  readonly #expression: RegExp;
  readonly #mode: 'lines' | 'text';
  readonly #world = createContext({ work: undefined as (() => void) | undefined });
  readonly #script = new Script('work()');

  /** @throws SwarmError BAD_INPUT */
  constructor(pattern: string, options: { readonly ignoreCase: boolean; readonly mode: 'lines' | 'text' }) {
    // The usual way to write it elsewhere, which JavaScript does not know.
    const inline = /^\(\?i\)/.test(pattern);
    const flags = `${options.mode === 'text' ? 'gms' : ''}${options.ignoreCase || inline ? 'i' : ''}`;
    this.#mode = options.mode;
    this.#expression = compiled(inline ? pattern.slice(4) : pattern, flags);
  }

  /** Undefined when the expression took too long. */
  find(text: string, limit: number): readonly Found[] | undefined {
    const found: Found[] = [];
    const search = this.#mode === 'lines' ? searchLines : searchText;
    const isDone = this.#bounded(() => search(this.#expression, text, { found, limit }));
    return isDone ? found : undefined;
  }

  #bounded(work: () => void): boolean {
    this.#world.work = work;
    try {
      this.#script.runInContext(this.#world, { timeout: MAX_STALL_MS });
      return true;
    } catch (error) {
      if (isTimeout(error)) return false;
      throw error;
    }
  }
}

/** It comes from another realm, whose errors are not instances of ours. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

interface Collected {
  readonly found: Found[];
  readonly limit: number;
}

function searchLines(expression: RegExp, text: string, { found, limit }: Collected): void {
  const lines = text.split(/\r?\n/);
  for (let line = 0; line < lines.length && found.length < limit; line++) {
    if (expression.test(lines[line] ?? '')) found.push({ from: line, to: line });
  }
}

function searchText(expression: RegExp, text: string, { found, limit }: Collected): void {
  let line = 0;
  let counted = 0;
  const lineAt = (index: number): number => {
    for (let end = text.indexOf('\n', counted); end >= 0 && end < index; end = text.indexOf('\n', counted)) {
      line += 1;
      counted = end + 1;
    }
    return line;
  };
  for (const { 0: match, index } of text.matchAll(expression)) {
    const from = lineAt(index);
    found.push({ from, to: lineAt(index + Math.max(0, match.length - 1)) });
    if (found.length >= limit) return;
  }
}

function compiled(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SwarmError('BAD_INPUT', `${error.message}; JavaScript's regular expressions are meant`);
  }
}
