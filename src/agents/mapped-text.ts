/**
 * Text that was cut or mended on its way to the parser and still knows where each character
 * stood in the file, so that a diagnostic names the place a person sees in the editor.
 */
export interface MappedText {
  readonly text: string;
  /** Offset in the file of the character at `offset` of `text`. */
  readonly origin: (offset: number) => number;
}

/** Replaces `remove` characters at `at` by `insert`. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** The whole of a file, nothing changed. */
export function mapText(text: string): MappedText {
  return { text, origin: (offset) => offset };
}

/** From `start` to `end` of `source`. */
export function sliceText(source: MappedText, start: number, end: number): MappedText {
  return { text: source.text.slice(start, end), origin: (offset) => source.origin(start + offset) };
}

/**
 * `source` with `edits` made. They are given in ascending order and do not overlap. A character
 * that an edit brought in maps to the place of the edit.
 */
export function editText(source: MappedText, edits: readonly Edit[]): MappedText {
  const pieces: string[] = [];
  const marks: Mark[] = [];
  let done = 0;
  let length = 0;
  const push = (piece: string): void => {
    pieces.push(piece);
    length += piece.length;
  };
  for (const { at, remove, insert } of edits) {
    push(source.text.slice(done, at));
    if (insert !== '') marks.push({ from: length, origin: at, isInserted: true });
    push(insert);
    done = at + remove;
    marks.push({ from: length, origin: done, isInserted: false });
  }
  push(source.text.slice(done));
  return { text: pieces.join(''), origin: (offset) => source.origin(undo(marks, offset)) };
}

/** From `from` on, the edited text comes from `origin` on; all that was inserted comes from one place. */
interface Mark {
  readonly from: number;
  readonly origin: number;
  readonly isInserted: boolean;
}

/** Searched by halves: a file can bring a hundred thousand tabs, and as many places to ask for. */
function undo(marks: readonly Mark[], offset: number): number {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle]?.from ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  const mark = marks[low - 1];
  if (mark === undefined) return offset;
  return mark.isInserted ? mark.origin : mark.origin + offset - mark.from;
}
