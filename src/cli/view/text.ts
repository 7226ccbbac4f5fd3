import { stripVTControlCharacters } from 'node:util';

/** The joiner inside emoji is the one format character that people see. */
const INVISIBLE = /(?!\u200D)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * One line of `text` that cannot drive a terminal: no escape sequences, no control or bidirectional
 * characters. Of a line that was drawn over itself with carriage returns, the last state stays.
 */
export function plain(text: string): string {
  const lastState = text.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return stripVTControlCharacters(lastState)
    .replace(/[\t\n]/g, ' ')
    .replace(INVISIBLE, '')
    .replace(/\p{Cs}/gu, '\uFFFD');
}

/** The lines of an output, each `plain`, without blank ones at the end. */
export function plainLines(text: string): readonly string[] {
  return text.trimEnd() === '' ? [] : text.trimEnd().split('\n').map(plain);
}

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Takes two columns: East Asian wide and fullwidth forms, and pictures. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}\p{Emoji_Presentation}]/u;

/** Shown as a picture although its first character alone is text: `🗳️`, flags, families, keycaps. */
const PICTURE = /\uFE0F|\u200D|\u20E3|\p{Regional_Indicator}/u;

const MARKS_ONLY = /^\p{M}+$/u;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Columns that `text` takes on a terminal; it must be `plain`. Where terminals disagree the larger number
 * counts, so that a line is never wider than it is taken for.
 */
export function width(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += graphemeWidth(segment);
  return columns;
}

function graphemeWidth(grapheme: string): number {
  if (MARKS_ONLY.test(grapheme)) return 0;
  return WIDE.test(grapheme) || PICTURE.test(grapheme) ? 2 : 1;
}

/** `text` cut down to `columns`, with `…` for what is gone. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  if (columns < 1) return '';
  let kept = '';
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    taken += graphemeWidth(segment);
    if (taken > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** `text` in exactly `columns`: cut or filled up with blanks. */
export function pad(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, columns);
  const blanks = ' '.repeat(Math.max(0, columns - width(shown)));
  return align === 'left' ? shown + blanks : blanks + shown;
}

/** `0.4s`, `12s`, `3:07`, `1:02:03`. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
