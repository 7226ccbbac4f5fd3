import { CST, Lexer } from 'yaml';
import { MAX_FRONTMATTER_DEPTH, MAX_FRONTMATTER_KEYS, MAX_FRONTMATTER_TOKENS } from '../protocol/limits.ts';
import type { Finding } from './diagnostic.ts';
import type { MappedText } from './mapped-text.ts';

/** What a text costs the YAML parser. */
export interface Cost {
  /** Lexical pieces, up to where a bound broke. */
  readonly tokens: number;
  readonly chars: number;
}

interface Weight extends Cost {
  /** What is over a bound. */
  readonly excess: Finding | undefined;
}

/**
 * Weighs `source` before the YAML parser is called: it recurses, and very deep nesting can end the process. Only the
 * lexer runs here, which does not recurse, and it is stopped at the first bound that breaks.
 */
export function weigh(source: MappedText): Weight {
  const nesting: Nesting = { columns: [], flow: 0, line: 'empty', colons: 0 };
  const chars = source.text.length;
  let tokens = 0;
  let keys = 0;
  for (const { kind, at, column } of pieces(source.text)) {
    tokens += 1;
    if (kind === 'map-value-ind') keys += 1;
    see(nesting, kind, column);
    const depth = nesting.columns.length + nesting.flow;
    const tell = excessOf(kind, { tokens, keys, depth });
    if (tell !== undefined) return { excess: tell(source.origin(at)), tokens, chars };
  }
  return { excess: undefined, tokens, chars };
}

interface Counts {
  readonly tokens: number;
  readonly keys: number;
  readonly depth: number;
}

function excessOf(kind: TokenKind, { tokens, keys, depth }: Counts): ((at: number) => Finding) | undefined {
  if (tokens > MAX_FRONTMATTER_TOKENS)
    return (at) => tooMany(at, `${MAX_FRONTMATTER_TOKENS} words and signs`);
  if (keys > MAX_FRONTMATTER_KEYS) return (at) => tooMany(at, `${MAX_FRONTMATTER_KEYS} keys`);
  if (depth > MAX_FRONTMATTER_DEPTH) return tooDeep;
  return kind === 'doc-end' ? endsEarly : undefined;
}

type TokenKind = ReturnType<typeof CST.tokenType> | 'scalar-text' | 'line-start';

interface Piece {
  readonly kind: TokenKind;
  readonly at: number;
  readonly column: number;
}

/** The lexer's tokens with their places, and a `line-start` wherever a new line begins. */
function* pieces(text: string): Generator<Piece> {
  let at = 0;
  let lineStart = 0;
  let isScalarNext = false;
  for (const token of new Lexer().lex(text)) {
    const kind: TokenKind = isScalarNext ? 'scalar-text' : CST.tokenType(token);
    isScalarNext = kind === 'scalar';
    yield { kind, at, column: at - lineStart };
    // These three are marks of the lexer, not characters of the text.
    if (kind === 'doc-mode' || kind === 'scalar' || kind === 'flow-error-end') continue;
    at += token.length;
    if (!token.endsWith('\n')) continue;
    lineStart = at;
    yield { kind: 'line-start', at, column: 0 };
  }
}

/** How deep the collections may be at this token: an estimate, at least half of what the parser makes of it. */
interface Nesting {
  /** Columns at which the block collections around this place begin. */
  readonly columns: number[];
  /** Open `[` and `{`. */
  flow: number;
  /** `opening`: only `-`, `?` or `:` stood on this line so far, each of which may open a collection. */
  line: 'empty' | 'opening' | 'filled';
  /** Key-value colons on this line: `a: b: c: …` is refused by YAML, but nested first. */
  colons: number;
}

function see(nesting: Nesting, kind: TokenKind, column: number): void {
  if (kind === 'line-start') {
    nesting.line = 'empty';
    nesting.colons = 0;
  }
  if (kind === 'flow-error-end') nesting.flow = 0;
  if (kind === 'flow-map-end' || kind === 'flow-seq-end') nesting.flow = Math.max(0, nesting.flow - 1);
  if (nesting.flow === 0) seeBlock(nesting, kind, column);
  if (kind === 'flow-map-start' || kind === 'flow-seq-start') nesting.flow += 1;
}

function seeBlock(nesting: Nesting, kind: TokenKind, column: number): void {
  if (NO_CONTENT.has(kind)) return;
  const { columns } = nesting;
  const isIndicator = kind === 'seq-item-ind' || kind === 'explicit-key-ind';
  if (kind === 'map-value-ind') nesting.colons += 1;
  const isChained = kind === 'map-value-ind' && nesting.colons > 1;
  if (nesting.line === 'empty') {
    while ((columns.at(-1) ?? -1) >= column) columns.pop();
  }
  if (nesting.line !== 'filled' || isIndicator || isChained) columns.push(column);
  const opens = isIndicator || (kind === 'map-value-ind' && nesting.line !== 'filled');
  nesting.line = opens ? 'opening' : 'filled';
}

const NO_CONTENT: ReadonlySet<TokenKind> = new Set([
  'space',
  'newline',
  'comment',
  'doc-mode',
  'scalar',
  'directive-line',
  'flow-error-end',
  'line-start',
] as const);

function tooDeep(at: number): Finding {
  return {
    at,
    severity: 'error',
    code: 'too-deep',
    message: `lists and maps are nested more than ${MAX_FRONTMATTER_DEPTH} deep`,
    hint: 'flatten the frontmatter, or quote a value that holds many `: `',
  };
}

function tooMany(at: number, bound: string): Finding {
  return {
    at,
    severity: 'error',
    code: 'too-complex',
    message: `the frontmatter has more than ${bound}`,
    hint: 'move data into a file of its own',
  };
}

function endsEarly(at: number): Finding {
  return {
    at,
    severity: 'error',
    code: 'yaml-syntax',
    message: '`...` ends the YAML here, and what follows would be lost',
    hint: 'remove the line, or quote it',
  };
}
