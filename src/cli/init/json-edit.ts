import type { Node } from 'jsonc-parser';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A part of a text and what takes its place. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** How a file is laid out. */
interface Layout {
  /** One step. */
  readonly indentation: string;
  readonly lineEnd: string;
}

const BLANKS_AND_COMMENTS = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const COMMENTS_ON_LINE = /(?:[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/))*/y;

function layoutOf(text: string): Layout {
  const indentation = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  return {
    indentation: indentation.startsWith('\t') ? '\t' : indentation,
    lineEnd: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

/** Puts `value` in the place of what stands there. */
export function replacement(text: string, node: Node, value: Json): TextEdit[] {
  const { offset, length } = node;
  return [{ offset, length, text: printed(value, marginAt(text, offset), layoutOf(text)) }];
}

/** Puts `value` behind the last child of an object, under `key`, or of a list. Comments stay where they are. */
export function insertion(text: string, container: Node, value: Json, key?: string): TextEdit[] {
  const layout = layoutOf(text);
  const last = container.children?.at(-1);
  const outer = marginAt(text, container.offset);
  const margin =
    last !== undefined && isFirstOnLine(text, last.offset)
      ? marginAt(text, last.offset)
      : outer + layout.indentation;
  const name = key === undefined ? '' : `${JSON.stringify(key)}: `;
  const line = `${layout.lineEnd}${margin}${name}${printed(value, margin, layout)}`;
  const end = container.offset + container.length - 1;
  if (last === undefined) {
    const body = text.slice(container.offset + 1, end).trimEnd();
    const offset = container.offset + 1 + body.length;
    return [{ offset, length: end - offset, text: `${line}${layout.lineEnd}${outer}` }];
  }
  const lastEnd = last.offset + last.length;
  const comma = commaBehind(text, lastEnd);
  const behind = endOf(COMMENTS_ON_LINE, text, comma === undefined ? lastEnd : comma + 1);
  if (comma !== undefined) return [{ offset: behind, length: 0, text: `${line},` }];
  const tail = text.slice(behind, end).trim() === '' && !text.slice(behind, end).includes('\n');
  return [
    { offset: lastEnd, length: 0, text: ',' },
    { offset: behind, length: 0, text: tail ? `${line}${layout.lineEnd}${outer}` : line },
  ];
}

/** Takes a child out, with its comma and with lines that are empty then. */
export function removal(text: string, container: Node, child: Node): TextEdit[] {
  const end = child.offset + child.length;
  const comma = commaBehind(text, end);
  if (comma !== undefined) return [lineAround(text, child.offset, comma + 1, [end, comma])];
  const siblings = container.children ?? [];
  const before = siblings[siblings.indexOf(child) - 1];
  const own = lineAround(text, child.offset, end);
  const earlier = before === undefined ? undefined : commaBehind(text, before.offset + before.length);
  return earlier === undefined ? [own] : [{ offset: earlier, length: 1, text: '' }, own];
}

/** From `start` to `end`, and the whole lines if nothing else is on them. `keep`: a part that is left, if it says anything. */
function lineAround(text: string, start: number, end: number, keep?: readonly [number, number]): TextEdit {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const newline = text.indexOf('\n', end);
  const lineEnd = newline < 0 ? text.length : newline + 1;
  const kept = keep === undefined ? '' : text.slice(...keep).trim();
  const isAlone =
    text.slice(lineStart, start).trim() === '' && text.slice(end, lineEnd).trim() === '' && kept === '';
  const [from, to] = isAlone ? [lineStart, lineEnd] : [start, end];
  return { offset: from, length: to - from, text: kept };
}

/** The comma that follows, behind blanks and comments. */
function commaBehind(text: string, offset: number): number | undefined {
  const at = endOf(BLANKS_AND_COMMENTS, text, offset);
  return text[at] === ',' ? at : undefined;
}

/** The end of what `pattern`, which is sticky, matches there. */
function endOf(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return offset + (pattern.exec(text)?.[0].length ?? 0);
}

function printed(value: Json, margin: string, { indentation, lineEnd }: Layout): string {
  return JSON.stringify(value, undefined, indentation).replaceAll('\n', `${lineEnd}${margin}`);
}

/** The blanks at the beginning of the line. */
function marginAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function isFirstOnLine(text: string, offset: number): boolean {
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset).trim() === '';
}
