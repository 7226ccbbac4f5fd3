import matter from 'gray-matter';
import { invariant } from '../protocol/invariant.ts';
import {
  MAX_AGENT_FILE_BYTES,
  MAX_FRONTMATTER_BLANK_LINES,
  MAX_FRONTMATTER_CHARS,
  MAX_INDENTED_LINES,
} from '../protocol/limits.ts';
import type { Finding } from './diagnostic.ts';
import { type Edit, editText, type MappedText, mapText, sliceText } from './mapped-text.ts';

/** A file taken apart at its fences. Without `frontmatter` the findings say why. */
export type SplitFile =
  | { kind: 'split'; frontmatter: MappedText; body: string; findings: readonly Finding[] }
  | { kind: 'not-an-agent' | 'refused'; findings: readonly Finding[] };

const BYTE_ORDER_MARK = '\uFEFF';
const BARE_FENCE = /^---[ \t]*\r?$/;
const FENCE_WITH_LANGUAGE = /^---[ \t]*[A-Za-z][\w+-]*[ \t]*\r?$/;
const LONG_BLANK = new RegExp(`\\s{${MAX_FRONTMATTER_BLANK_LINES},}`, 'g');
const LOOKS_LIKE_A_KEY = /^\s*[A-Za-z_][\w-]*[ \t]*:(?:\s|$)/;

/**
 * Finds the YAML between the first two `---` lines of an agent file, and the text after it.
 *
 * Only a bare `---` line opens frontmatter: gray-matter evaluates what stands between `---js` and
 * `---`, so it is never shown a first line that names a language.
 */
export function splitFrontmatter(fileText: string): SplitFile {
  const unreadable = unreadableText(fileText);
  if (unreadable !== undefined) return { kind: 'refused', findings: [unreadable] };

  const { head, findings } = trimHead(fileText);
  if (head === undefined) return { kind: 'refused', findings };
  const firstLine = lineAt(head.text, 0);
  if (!BARE_FENCE.test(firstLine)) return withoutFence(firstLine, head.origin(0));

  const closeAt = head.text.indexOf('\n---');
  if (closeAt === -1) return withoutClosingFence(head);
  const tooMuch = tooMuchToSplit(head, closeAt);
  if (tooMuch !== undefined) return { kind: 'refused', findings: [tooMuch] };

  // The engine hands nothing back: the text itself is wanted, and `yaml` reads it later.
  const { matter: raw, content } = matter(head.text, { language: 'yaml', engines: { yaml: () => ({}) } });
  invariant(
    raw === head.text.slice(firstLine.trimEnd().length, closeAt),
    'gray-matter closes where we looked',
  );
  const closingLine = lineAt(head.text, closeAt + 1);
  // The line break before the closing fence belongs to the last block scalar.
  const frontmatter = sliceText(head, firstLine.length + 1, closeAt + 1);
  const body = /^-+[ \t]*\r?$/.test(closingLine) ? afterLine(head.text, closeAt + 1) : content;
  return {
    kind: 'split',
    frontmatter,
    body,
    findings: [...findings, ...trailingFence(head, closeAt), ...secondFrontmatter(head, body)],
  };
}

/** What is said about a file over the bound, whether its bytes or its characters were counted. */
export const TOO_LARGE = {
  code: 'too-large',
  message: `an agent file has at most ${MAX_AGENT_FILE_BYTES} bytes, this one has more`,
  hint: 'move long material into files that the agent reads',
} as const;

function unreadableText(text: string): Finding | undefined {
  if (text.length > MAX_AGENT_FILE_BYTES) return { at: 0, severity: 'error', ...TOO_LARGE };
  const nul = text.indexOf('\0');
  if (nul === -1) return undefined;
  return {
    at: nul,
    severity: 'error',
    code: 'nul-byte',
    message: 'a NUL character: this is not a text file',
    hint: 'remove it, or save the file as UTF-8 text',
  };
}

/** Steps over what editors and copy-and-paste put before the first fence. */
function trimHead(text: string): { head: MappedText | undefined; findings: Finding[] } {
  const findings: Finding[] = [];
  const file = mapText(text);
  const afterMark = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  if (afterMark === 1) {
    findings.push({
      at: 0,
      severity: 'info',
      code: 'byte-order-mark',
      message: 'the file begins with a byte order mark',
      hint: 'save it as UTF-8 without BOM: some tools then miss the frontmatter',
    });
  }
  const start = afterBlankLines(text, afterMark);
  const blank = start - afterMark;
  const indent = /^[ \t]+(?=---[ \t]*\r?\n)/.exec(text.slice(start, start + 1024))?.[0] ?? '';
  const rest = sliceText(file, start, text.length);
  const edits = indent === '' ? [] : dedent(rest.text, indent);
  if (edits.length > MAX_INDENTED_LINES) return { head: undefined, findings: [tooManyIndented(start)] };
  const head = indent === '' ? rest : editText(rest, edits);
  if (!BARE_FENCE.test(lineAt(head.text, 0))) return { head, findings };
  if (blank > 0) {
    findings.push({
      at: afterMark,
      severity: 'warning',
      code: 'blank-before-fence',
      message: 'blank lines before the opening `---`',
      hint: 'make `---` the first line: other tools take this for a file without frontmatter',
    });
  }
  if (indent !== '') {
    findings.push({
      at: start,
      severity: 'warning',
      code: 'indented-file',
      message: `the whole file is indented by ${indent.length}; read without that indentation`,
      hint: 'remove the indentation: other tools take this for a file without frontmatter',
    });
  }
  return { head, findings };
}

/** Where the first line begins that has anything on it. By hand: a pattern is slow in a megabyte of line ends. */
function afterBlankLines(text: string, from: number): number {
  let start = from;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '\n') start = at + 1;
    else if (character === '\r' ? text[at + 1] !== '\n' : character !== ' ' && character !== '\t') break;
  }
  return start;
}

function dedent(text: string, indent: string): Edit[] {
  const edits: Edit[] = [];
  for (let at: number | undefined = 0; at !== undefined; at = nextLine(text, at)) {
    if (edits.length > MAX_INDENTED_LINES) break;
    if (text.startsWith(indent, at)) edits.push({ at, remove: indent.length, insert: '' });
  }
  return edits;
}

function tooManyIndented(at: number): Finding {
  return {
    at,
    severity: 'error',
    code: 'too-complex',
    message: `more than ${MAX_INDENTED_LINES} lines, all of them indented`,
    hint: 'remove the indentation',
  };
}

function withoutFence(firstLine: string, at: number): SplitFile {
  if (FENCE_WITH_LANGUAGE.test(firstLine)) {
    const finding: Finding = {
      at,
      severity: 'error',
      code: 'fence-language',
      message: `\`${firstLine.trim()}\` does not open frontmatter; nothing after it was read or evaluated`,
      hint: 'open with `---` alone on its line, and write YAML',
    };
    return { kind: 'refused', findings: [finding] };
  }
  return { kind: 'not-an-agent', findings: [noFrontmatter(at, 'the file does not begin with a `---` line')] };
}

function noFrontmatter(at: number, why: string): Finding {
  return {
    at,
    severity: 'info',
    code: 'no-frontmatter',
    message: `not an agent: ${why}`,
    hint: 'nothing to do, unless it is meant to be one: then begin with `---`, `name: …`, `---`',
  };
}

/** A lone `---` above prose is a rule of Markdown; above a key it is frontmatter that never ends. */
function withoutClosingFence(head: MappedText): SplitFile {
  const firstContent = head.text.slice(head.text.indexOf('\n') + 1, 4096).trimStart();
  if (!head.text.includes('\n') || !LOOKS_LIKE_A_KEY.test(firstContent)) {
    const why = 'there is one `---` line, and no keys follow it';
    return { kind: 'not-an-agent', findings: [noFrontmatter(head.origin(0), why)] };
  }
  const finding: Finding = {
    at: head.origin(0),
    severity: 'error',
    code: 'fence-unclosed',
    message: 'the frontmatter that begins here has no closing `---` line',
    hint: 'put `---` alone on a line after the last key',
  };
  return { kind: 'refused', findings: [finding] };
}

/** Must hold before gray-matter sees the text: its comment pattern is quadratic in blank lines. */
function tooMuchToSplit(head: MappedText, closeAt: number): Finding | undefined {
  if (closeAt > MAX_FRONTMATTER_CHARS) {
    return {
      at: head.origin(0),
      severity: 'error',
      code: 'too-large',
      message: `frontmatter has at most ${MAX_FRONTMATTER_CHARS} characters, this one has ${closeAt}`,
      hint: 'move long material below the closing `---`, and long hooks into scripts of their own',
    };
  }
  const blankAt = longBlankRun(head.text.slice(0, closeAt));
  if (blankAt === undefined) return undefined;
  return {
    at: head.origin(blankAt),
    severity: 'error',
    code: 'too-complex',
    message: `more than ${MAX_FRONTMATTER_BLANK_LINES} blank lines in a row in the frontmatter`,
    hint: 'remove them',
  };
}

/** Start of the first run of blank lines that is too long; line ends as JavaScript's `^` knows them. */
function longBlankRun(text: string): number | undefined {
  for (const run of text.matchAll(LONG_BLANK)) {
    const breaks = run[0].match(/\r\n|[\n\r\u2028\u2029]/g)?.length ?? 0;
    // The first break ends a line with text on it.
    if (breaks - 1 > MAX_FRONTMATTER_BLANK_LINES) return run.index;
  }
  return undefined;
}

/** gray-matter closes at any line that begins with `---`, as Claude Code does; the rest of it is odd. */
function trailingFence(head: MappedText, closeAt: number): Finding[] {
  const line = lineAt(head.text, closeAt + 1);
  if (BARE_FENCE.test(line)) return [];
  return [
    {
      at: head.origin(closeAt + 1),
      severity: 'warning',
      code: 'fence-trailing',
      message: `the frontmatter ends at \`${line.trim().slice(0, 60)}\`, which is more than \`---\``,
      hint: 'close with `---` alone on its line: other tools do not see the end here',
    },
  ];
}

/** Claude Code reads the first block; the second one stays in the body as text. So do we, and say so. */
function secondFrontmatter(head: MappedText, body: string): Finding[] {
  const second = body.trimStart();
  if (!BARE_FENCE.test(lineAt(second, 0))) return [];
  const inside = second.slice(second.indexOf('\n') + 1, 4096);
  if (!LOOKS_LIKE_A_KEY.test(inside) || !second.includes('\n---')) return [];
  const name = /^name:(.+)$/m.exec(inside)?.[1]?.trim();
  return [
    {
      at: head.origin(head.text.length - second.length),
      severity: 'warning',
      code: 'double-frontmatter',
      message: `a second frontmatter${name === undefined ? '' : ` (name ${name})`}; only the first one counts, this one is read as text`,
      hint: 'delete the one that is not meant',
    },
  ];
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start);
  return text.slice(start, end === -1 ? text.length : end);
}

function afterLine(text: string, at: number): string {
  const next = nextLine(text, at);
  return next === undefined ? '' : text.slice(next);
}

/** Offset of the line after the one that `at` is in. */
function nextLine(text: string, at: number): number | undefined {
  const end = text.indexOf('\n', at);
  return end === -1 ? undefined : end + 1;
}
