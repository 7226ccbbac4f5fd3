import { type Document, isAlias, isMap, isScalar, parseDocument, visit, type YAMLMap } from 'yaml';
import { MAX_FRONTMATTER_CHARS_READ, MAX_FRONTMATTER_TOKENS_READ } from '../protocol/limits.ts';
import { type Cost, weigh } from './complexity.ts';
import type { Finding } from './diagnostic.ts';
import type { MappedText } from './mapped-text.ts';
import { repair, type Trouble } from './repair.ts';
import { withoutTraces } from './traces.ts';
import { keyPlaceOf, placeOf, toPlain, type YamlPath } from './yaml-plain.ts';

/** Frontmatter as values that know their places; all places are offsets into the file. */
export interface YamlFields {
  readonly values: Readonly<Record<string, unknown>>;
  /** Place of the value at `path`, or of the nearest thing above it. */
  readonly valueAt: (...path: YamlPath) => number;
  /** Place of the key at `path`, or of the top when there is none. */
  readonly keyAt: (...path: readonly string[]) => number;
  /** What follows the key's colon on its line, comments included. */
  readonly restOfLine: (key: string) => string;
}

export type YamlResult =
  | { kind: 'map'; fields: YamlFields; findings: readonly Finding[] }
  /** Text between two rules of Markdown. */
  | { kind: 'prose'; findings: readonly Finding[] }
  | { kind: 'refused'; findings: readonly Finding[] };

/** A pass mends all values that are surely broken; a mended one may uncover the next. */
const MAX_REPAIR_PASSES = 4;

/** Errors of one file that are worth reading; the others mostly follow from them. */
const MAX_SYNTAX_ERRORS = 5;

/** Troubles that one pass looks at. */
const MAX_TROUBLES = 100;

/** Reads the text between the fences. Nothing in it is evaluated, no alias is followed. */
export function readYaml(source: MappedText): YamlResult {
  const { excess, ...cost } = weigh(source);
  if (excess !== undefined) return { kind: 'refused', findings: [excess] };
  const parsed = parse(source);
  if (parsed.troubles.length === 0) return toResult(parsed, []);
  return mend(parsed, cost) ?? { kind: 'refused', findings: syntaxErrors(parsed) };
}

interface Parsed {
  readonly source: MappedText;
  readonly document: Document.Parsed | undefined;
  readonly troubles: readonly Trouble[];
  readonly warnings: readonly Trouble[];
}

function mend(broken: Parsed, cost: Cost): YamlResult | undefined {
  const findings: Finding[] = [];
  let parsed = broken;
  let { tokens, chars } = cost;
  for (let pass = 0; pass < MAX_REPAIR_PASSES; pass++) {
    const repaired = repair(parsed.source, parsed.troubles);
    if (repaired === undefined) return undefined;
    const again = weigh(repaired.source);
    tokens += again.tokens;
    chars += again.chars;
    const isTooMuch = tokens > MAX_FRONTMATTER_TOKENS_READ || chars > MAX_FRONTMATTER_CHARS_READ;
    if (isTooMuch || again.excess !== undefined) return undefined;
    findings.push(...repaired.findings);
    parsed = parse(repaired.source);
    if (parsed.troubles.length === 0) return toResult(parsed, findings);
  }
  return undefined;
}

const PARSING = {
  schema: 'core',
  uniqueKeys: false,
  stringKeys: true,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

function parse(source: MappedText): Parsed {
  try {
    // Unique keys are checked by toPlain: the parser's own check is quadratic.
    const document = withoutTraces(() => parseDocument(source.text, PARSING));
    const troubles = [...document.errors.map(toTrouble), ...aliases(document)];
    troubles.sort((a, b) => a.at - b.at);
    return {
      source,
      document,
      troubles: troubles.slice(0, MAX_TROUBLES),
      warnings: document.warnings.map(toTrouble),
    };
  } catch (error) {
    // The parser is for input by people; whatever it trips over is a fault of this file, not of ours.
    const message = `the YAML parser gave up: ${error instanceof Error ? error.message : String(error)}`;
    return { source, document: undefined, troubles: [{ at: 0, code: 'PARSER', message }], warnings: [] };
  }
}

function toTrouble(error: { pos: [number, number]; code: string; message: string }): Trouble {
  return { at: error.pos[0], code: error.code, message: PLAIN_WORDS[error.code] ?? error.message };
}

/** What the parser says in terms of its grammar, for people who write prose after a colon. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'a second `: ` on a line begins a map inside the value',
  BAD_ALIAS: '`*` begins an alias, and no name follows',
};

/**
 * Aliases are how a small file becomes a huge value; none is followed. One that names no anchor was
 * meant as text (`*.js`), and may be mended. `*` alone is an error already.
 */
function aliases(document: Document.Parsed): Trouble[] {
  const anchors = new Set<string>();
  const found: { at: number; name: string }[] = [];
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) found.push({ at: node.range?.[0] ?? 0, name: node.source });
      else if (node.anchor !== undefined) anchors.add(node.anchor);
    },
  });
  return found
    .filter(({ name }) => name !== '')
    .map(({ at, name }) => ({
      at,
      code: anchors.has(name) ? 'ALIAS' : 'UNKNOWN_ALIAS',
      message: `\`*${name.slice(0, 60)}\` is a YAML alias`,
    }));
}

function toResult({ source, document, warnings }: Parsed, repairs: readonly Finding[]): YamlResult {
  const root = document?.contents ?? null;
  if (isMap(root)) {
    const { values, findings } = toPlain(root, source);
    const tags = warnings.map((warning) => tagWarning(warning, source));
    return {
      kind: 'map',
      fields: toFields(root, values, source),
      findings: [...repairs, ...tags, ...findings],
    };
  }
  if (root === null) return { kind: 'map', fields: toFields(undefined, {}, source), findings: repairs };
  if (isScalar(root)) return { kind: 'prose', findings: repairs };
  const finding: Finding = {
    at: source.origin(root.range[0]),
    severity: 'error',
    code: 'not-a-map',
    message: 'frontmatter is `key: value` lines, this is a list',
    hint: 'begin with `name: …`',
  };
  return { kind: 'refused', findings: [finding] };
}

function toFields(
  root: YAMLMap | undefined,
  values: Readonly<Record<string, unknown>>,
  source: MappedText,
): YamlFields {
  const keyAt = (path: readonly string[]) => (root === undefined ? 0 : (keyPlaceOf(root, path) ?? 0));
  return {
    values,
    valueAt: (...path) => source.origin(root === undefined ? 0 : placeOf(root, path)),
    keyAt: (...path) => source.origin(keyAt(path)),
    restOfLine: (key) => /:(.*)/.exec(source.text.slice(keyAt([key]) + key.length))?.[1]?.trim() ?? '',
  };
}

function tagWarning(warning: Trouble, source: MappedText): Finding {
  return {
    at: source.origin(warning.at),
    severity: 'warning',
    code: 'yaml-tag',
    message: `${firstLine(warning.message)}; nothing is made of it, the plain value counts`,
    hint: 'remove it, or quote a value that begins with `!`',
  };
}

function syntaxErrors({ source, troubles }: Parsed): Finding[] {
  const named = new Set<string>();
  // An alias is one mistake, however often it is used.
  const distinct = troubles.filter(({ code, message }) => {
    if (!code.endsWith('ALIAS')) return true;
    const isNew = !named.has(message);
    named.add(message);
    return isNew;
  });
  return distinct.slice(0, MAX_SYNTAX_ERRORS).map((trouble) => ({
    at: source.origin(trouble.at),
    severity: 'error',
    code: trouble.code.endsWith('ALIAS') ? 'alias-refused' : 'yaml-syntax',
    message: firstLine(trouble.message),
    hint:
      HINTS[trouble.code] ?? 'check the indentation, and quote values that hold `: ` or begin with a sign',
  }));
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.slice(0, 200) ?? '';
}

const HINTS: Readonly<Record<string, string>> = {
  ALIAS: 'write the value out',
  BAD_ALIAS: 'quote text that begins with `*`',
  BAD_INDENT: 'align the keys of one map, and close every `[` and `{`',
  BLOCK_AS_IMPLICIT_KEY: 'quote the value: it holds `: `',
  MISSING_CHAR: 'close the quote or bracket',
  MULTILINE_IMPLICIT_KEY: 'indent the lines that continue a value, or use `key: |`',
  NON_STRING_KEY: 'use plain text as key',
  UNKNOWN_ALIAS: 'quote text that begins with `*`',
};
