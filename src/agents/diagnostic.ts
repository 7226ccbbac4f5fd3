/**
 * What can be said about an agent file. A code is part of the contract (people grep for it and
 * silence it): add, never rename. `docs/agent-files.md` says what to do about each.
 */
export const DIAGNOSTIC_CODES = [
  // The file as bytes and characters
  'unreadable',
  'not-utf8',
  'nul-byte',
  'too-large',
  'byte-order-mark',
  // The fences
  'no-frontmatter',
  'fence-language',
  'fence-unclosed',
  'fence-trailing',
  'blank-before-fence',
  'indented-file',
  'double-frontmatter',
  // The YAML between them
  'too-complex',
  'too-deep',
  'yaml-syntax',
  'yaml-tag',
  'alias-refused',
  'unsafe-key',
  'duplicate-key',
  'tab-indentation',
  'quoted-scalar',
  'not-a-map',
  // What the keys mean
  'missing-name',
  'invalid-name',
  'unusual-name',
  'missing-description',
  'documentation-type',
  'comment-value',
  'ignored-field',
  'unknown-priority',
  'invalid-eligibility',
  'invalid-tools',
  'invalid-hook',
  'ignored-hooks',
  'hook-alias',
  'hook-not-run',
  'capabilities-map',
  'invalid-capability',
  // Several files
  'duplicate-name',
  'symlink-skipped',
  'scan-limit',
] as const;

export type DiagnosticCode = (typeof DIAGNOSTIC_CODES)[number];

/**
 * - `error`: the file is not loaded.
 * - `warning`: loaded, but not quite as written, or other tools may refuse it.
 * - `info`: good to know.
 */
export type Severity = 'error' | 'warning' | 'info';

/** One remark about one place. `line` and `column` count from 1; a column is a UTF-16 unit, as in editors. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: Severity;
  readonly code: DiagnosticCode;
  /** What was expected and what came. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
}

/** A diagnostic before its place is counted out: `at` is an offset into the file's text. */
export interface Finding {
  readonly at: number;
  readonly severity: Severity;
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint: string;
}

/**
 * `findings` about `text`, in the order in which they stand in the file. Messages quote the file, so
 * control characters are spelled out: a file must not drive the terminal that shows them.
 */
export function toDiagnostics(file: string, text: string, findings: readonly Finding[]): Diagnostic[] {
  const last = findings.reduce((furthest, { at }) => Math.max(furthest, at), 0);
  const lineStarts = startsOfLines(text, last);
  return [...findings]
    .sort((a, b) => a.at - b.at)
    .map(({ at, message, ...finding }) => {
      const place = placeOf(lineStarts, Math.min(at, text.length));
      return { file, ...place, ...finding, message: printable(message) };
    });
}

function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Of all lines that begin at `last` or before it. */
function startsOfLines(text: string, last: number): number[] {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1 && end < last; end = text.indexOf('\n', end + 1)) {
    starts.push(end + 1);
  }
  return starts;
}

function placeOf(lineStarts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 };
}
