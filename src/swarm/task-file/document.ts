import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
} from 'yaml';
import { withoutTraces } from '../../agents/traces.ts';
import { MAX_TASK_FILE_DEPTH, MAX_TASK_FILE_PROBLEMS } from '../../protocol/limits.ts';
import { quoted } from './words.ts';

/** What is wrong at one place: an offset into the text. */
export interface Problem {
  readonly at: number;
  readonly message: string;
}

/** `items`, for as long as it is worth while to look for more that is wrong with them. */
export function* whileFew<T>(problems: readonly Problem[], items: Iterable<T>): Generator<T> {
  for (const item of items) {
    if (problems.length >= MAX_TASK_FILE_PROBLEMS) return;
    yield item;
  }
}

/** A value as it stands in the file, with its place. */
export type Value =
  | { readonly kind: 'empty'; readonly at: number }
  | {
      readonly kind: 'scalar';
      readonly at: number;
      /** As it was written, without quotes: `1.10` stays `1.10`. */
      readonly text: string;
      readonly value: string | number | boolean;
    }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly Value[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly MapEntry[] };

export interface MapEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: Value;
}

/** Where an offset stands; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface ReadDocument {
  readonly root: Value;
  readonly problems: readonly Problem[];
  place(at: number): Place;
}

/**
 * Reads YAML, and JSON, which is a part of it. Nothing in it is evaluated and no alias is followed.
 * When the syntax is wrong, `problems` speaks of nothing else and `root` is empty.
 */
export function readDocument(text: string): ReadDocument {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const place = (at: number): Place => {
    const { line, col } = lines.linePos(at);
    return { line, column: col };
  };
  const refused = (faults: readonly Problem[]): ReadDocument => ({
    root: nothing(0),
    problems: faults,
    place,
  });
  const tokens = tokensOf(text, lines);
  if (!Array.isArray(tokens)) return refused([tokens]);

  // Unique keys are checked by toValue: the composer's own check is quadratic.
  const composer = new Composer({ schema: 'core', uniqueKeys: false, stringKeys: true, logLevel: 'silent' });
  const documents = withoutTraces(() => firstTwo(composer.compose(tokens, true, text.length)));
  const syntax = documents.flatMap(syntaxProblems);
  if (syntax.length > 0) return refused(syntax.sort((a, b) => a.at - b.at).slice(0, MAX_SYNTAX_PROBLEMS));
  const [first, second] = documents;
  if (second !== undefined) return refused([severalDocuments(second.range[0])]);
  const problems: Problem[] = [];
  return { root: toValue(first?.contents, 0, { problems, place }), problems, place };
}

/** More than one is one too many. */
function firstTwo<T>(all: Iterable<T>): readonly T[] {
  const found: T[] = [];
  for (const one of all) {
    if (found.push(one) === 2) break;
  }
  return found;
}

/** The later ones mostly follow from the first. */
const MAX_SYNTAX_PROBLEMS = 3;

/**
 * The syntax tree's tokens, or the place at which the text cannot be read or is nested too deep: the parser keeps its own stack,
 * but the composer recurses, and very deep nesting would end the process.
 */
function tokensOf(text: string, lines: LineCounter): CST.Token[] | Problem {
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    for (let end = text.indexOf('\n'); end >= 0 && end < nul; end = text.indexOf('\n', end + 1)) {
      lines.addNewLine(end + 1);
    }
    return { at: nul, message: 'a NUL character; is this a text file? Remove it' };
  }
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1;
      tokens.push(token);
    }
    if (errors > MAX_SYNTAX_PROBLEMS) break;
    if (parser.stack.length > MAX_TASK_FILE_DEPTH) {
      const message = `lists and maps are nested more than ${MAX_TASK_FILE_DEPTH} deep; a task needs four levels`;
      return { at: parser.offset, message };
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

function syntaxProblems(document: Document.Parsed): Problem[] {
  return [...document.errors, ...document.warnings].map(({ pos, code, message }) => {
    const hint = HINTS[code] ?? 'check the indentation, and quote values that hold `: ` or begin with a sign';
    return { at: pos[0], message: `not valid YAML: ${message.split('\n', 1)[0] ?? ''}; ${hint}` };
  });
}

const HINTS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'quote text that begins with `*`',
  BAD_INDENT: 'align the keys of one map, and close every `[` and `{`',
  BAD_SCALAR_START: 'quote the value',
  BLOCK_AS_IMPLICIT_KEY: 'quote the value if it holds `: `, or use `key: |`',
  MISSING_CHAR: 'close the quote or bracket, and end each key with `:`',
  MULTILINE_IMPLICIT_KEY: 'end each key with `:`, or use `key: |` for text of several lines',
  NON_STRING_KEY: 'use plain text as key',
  TAB_AS_INDENT: 'indent with spaces',
  TAG_RESOLVE_FAILED: 'remove the tag, or quote a value that begins with `!`',
};

function severalDocuments(at: number): Problem {
  return { at, message: 'a second document begins here; put all tasks into one list, without `---` between' };
}

interface Reading {
  readonly problems: Problem[];
  place(at: number): Place;
}

/** Recursion is bounded: `tokensOf` has refused what is nested too deep. */
function toValue(node: unknown, parentAt: number, reading: Reading): Value {
  if (isAlias(node)) {
    const at = node.range?.[0] ?? parentAt;
    const text = `*${node.source}`;
    reading.problems.push({
      at,
      message: `${quoted(text)} is a YAML alias; write the value out, or quote it`,
    });
    return { kind: 'scalar', at, text, value: text };
  }
  if (isMap(node)) return toMap(node.items, node.range?.[0] ?? parentAt, reading);
  if (isSeq(node)) {
    const at = node.range?.[0] ?? parentAt;
    return {
      kind: 'list',
      at,
      items: Array.from(whileFew(reading.problems, node.items), (item) => toValue(item, at, reading)),
    };
  }
  if (!isScalar(node)) return nothing(parentAt);
  const at = node.range?.[0] ?? parentAt;
  const { value, source } = node;
  if (typeof value === 'string') return { kind: 'scalar', at, text: value, value };
  if (typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', at, text: source ?? String(value), value };
  }
  return nothing(at);
}

function toMap(
  items: readonly { readonly key: unknown; readonly value: unknown }[],
  at: number,
  reading: Reading,
): Value {
  const entries = new Map<string, MapEntry>();
  for (const item of whileFew(reading.problems, items)) {
    const key = isScalar(item.key) ? String(item.key.value ?? '') : '';
    const keyAt = isScalar(item.key) ? (item.key.range?.[0] ?? at) : at;
    const value = toValue(item.value, keyAt, reading);
    const earlier = entries.get(key);
    if (earlier === undefined) entries.set(key, { key, keyAt, value });
    else reading.problems.push({ at: keyAt, message: givenTwice(key, reading.place(earlier.keyAt)) });
  }
  return { kind: 'map', at, entries: [...entries.values()] };
}

function givenTwice(key: string, earlier: Place): string {
  return `the key ${quoted(key)} is given twice, first on line ${earlier.line}; keep one of them`;
}

function nothing(at: number): Value {
  return { kind: 'empty', at };
}
