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
  let done = 0;
  for (const { at, remove, insert } of edits) {
    pieces.push(source.text.slice(done, at), insert);
    done = at + remove;
  }
  pieces.push(source.text.slice(done));
  return { text: pieces.join(''), origin: (offset) => source.origin(undo(edits, offset)) };
}

function undo(edits: readonly Edit[], offset: number): number {
  let shift = 0;
  for (const { at, remove, insert } of edits) {
    const editedAt = at - shift;
    if (offset < editedAt) break;
    if (offset < editedAt + insert.length) return at;
    shift += remove - insert.length;
  }
  return offset + shift;
}
