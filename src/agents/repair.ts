import type { Finding } from './diagnostic.ts';
import { type Edit, editText, type MappedText } from './mapped-text.ts';

/** A place where YAML gave up: an offset into the text, and what the parser says. */
export interface Trouble {
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

export interface Repair {
  readonly source: MappedText;
  readonly findings: readonly Finding[];
}

/**
 * Mends `source` the way Claude Code does, which quotes a top-level value that YAML refuses and
 * tries again; tabs at the start of lines become two spaces. `undefined`: nothing here can be mended.
 */
export function repair(source: MappedText, troubles: readonly Trouble[]): Repair | undefined {
  if (troubles.some(({ code }) => code === 'ALIAS')) return undefined;
  if (troubles.some(({ code }) => code === 'TAB_AS_INDENT')) return expandTabs(source, troubles);
  return quoteScalars(source, troubles);
}

function expandTabs(source: MappedText, troubles: readonly Trouble[]): Repair | undefined {
  const refused = new Set(
    troubles.filter(({ code }) => code === 'TAB_AS_INDENT').map(({ at }) => lineStart(source.text, at)),
  );
  const edits: Edit[] = [];
  for (const line of source.text.matchAll(/^[ \t]*\t[ \t]*/gm)) {
    // A tab after spaces may be text of a block scalar: only where the parser stumbled is it indentation.
    if (!line[0].startsWith('\t') && !refused.has(line.index)) continue;
    for (const tab of line[0].matchAll(/\t/g))
      edits.push({ at: line.index + tab.index, remove: 1, insert: '  ' });
  }
  const first = edits[0];
  if (first === undefined) return undefined;
  const finding: Finding = {
    at: source.origin(first.at),
    severity: 'warning',
    code: 'tab-indentation',
    message: 'YAML refuses tabs as indentation; each was read as two spaces, in hook scripts too',
    hint: 'indent the frontmatter with spaces',
  };
  return { source: editText(source, edits), findings: [finding] };
}

/** `key: value` at the left margin, with the indented lines that continue the value. */
interface TopLevelValue {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Troubles that are of their own value. Any other may only follow from an earlier one in another value. */
const LOCAL: ReadonlySet<string> = new Set([
  'BLOCK_AS_IMPLICIT_KEY',
  'BAD_SCALAR_START',
  'BAD_ALIAS',
  'UNKNOWN_ALIAS',
]);

function quoteScalars(source: MappedText, troubles: readonly Trouble[]): Repair | undefined {
  const edits: Edit[] = [];
  const findings: Finding[] = [];
  for (const [position, trouble] of troubles.entries()) {
    if (position > 0 && !LOCAL.has(trouble.code)) continue;
    const value = topLevelValueAt(source.text, trouble.at);
    // Troubles come in ascending order, several in one value: one pair of quotes mends them all.
    if (value === undefined || value.start < (edits.at(-1)?.at ?? -1)) continue;
    const text = source.text.slice(value.start, value.end);
    if (!mayBeQuoted(text, trouble)) continue;
    edits.push(...singleQuotes(text, value));
    findings.push({
      at: source.origin(value.start),
      severity: 'warning',
      code: 'quoted-scalar',
      message: `\`${value.key}\` is not YAML as written (${trouble.message}); its value was read as quoted text`,
      hint: 'put the value in quotes',
    });
  }
  return edits.length === 0 ? undefined : { source: editText(source, edits), findings };
}

function topLevelValueAt(text: string, at: number): TopLevelValue | undefined {
  for (let start = lineStart(text, Math.min(at, text.length)); ; start = lineStart(text, start - 1)) {
    const line = text.slice(start, lineEnd(text, start));
    if (/^\S/.test(line)) {
      const key = /^([^\s#:'"[\]{}&*!|>%@`-][^:]{0,127}?)[ \t]*:[ \t]+(?=[^\s#])/.exec(line);
      if (key?.[1] === undefined) return undefined;
      const value = { key: key[1], start: start + key[0].length, end: endOfValue(text, start) };
      return at <= value.end ? value : undefined;
    }
    if (start === 0) return undefined;
  }
}

/** The value ends before the next line at the left margin; blank lines and spaces at its end are not of it. */
function endOfValue(text: string, keyStart: number): number {
  let end = lineEnd(text, keyStart);
  while (end < text.length && /^(?:[ \t]|\r?\n)/.test(text.slice(end + 1, end + 3)))
    end = lineEnd(text, end + 1);
  return text.slice(0, end).trimEnd().length;
}

/** Block scalars, closed quotes and lists say themselves where they end: quoting would change what they mean. */
function mayBeQuoted(value: string, trouble: Trouble): boolean {
  if (/^[|>][-+\d]*[ \t]*(?:#.*)?(?:\r?\n|$)/.test(value)) return false;
  const first = value.charAt(0);
  if (trouble.code.endsWith('ALIAS')) return first === '*';
  if (first === '"' || first === "'") return value.length === 1 || !value.endsWith(first);
  // `[file] [options]` is text that only looks like a list; `[a, b` is a list that never ends.
  if (first === '[' || first === '{') return trouble.code === 'UNEXPECTED_TOKEN' && isBalanced(value);
  return true;
}

function isBalanced(value: string): boolean {
  return value.match(/[[{]/g)?.length === value.match(/[\]}]/g)?.length;
}

/** Single quotes: nothing inside them is special but the quote itself, so backslashes stay as they are. */
function singleQuotes(text: string, value: TopLevelValue): Edit[] {
  const inner = [...text.matchAll(/'/g)].map(({ index }) => ({
    at: value.start + index,
    remove: 0,
    insert: "'",
  }));
  return [{ at: value.start, remove: 0, insert: "'" }, ...inner, { at: value.end, remove: 0, insert: "'" }];
}

function lineStart(text: string, at: number): number {
  return at <= 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
