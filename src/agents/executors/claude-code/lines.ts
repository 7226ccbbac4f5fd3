/** Longest line that is kept, in UTF-16 code units: an answer fits many times over, a picture in a tool's result does not. */
const MAX_LINE_CHARS = 2 * 1024 * 1024;

/** Cuts text that comes in pieces into lines. A line that is too long is left out, so that memory stays bounded. */
export class Lines {
  readonly #maxChars: number;
  #begun = '';
  #isTooLong = false;

  constructor(maxChars = MAX_LINE_CHARS) {
    this.#maxChars = maxChars;
  }

  /** The lines that `text` completes, without their ends. What comes after the last end waits for more. */
  add(text: string): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#extend(text.slice(from, end));
      if (!this.#isTooLong) lines.push(this.#begun);
      this.#begun = '';
      this.#isTooLong = false;
      from = end + 1;
    }
    this.#extend(text.slice(from));
    return lines;
  }

  /** What came last, without an end; empty when there is nothing, or too much. */
  rest(): string {
    return this.#begun;
  }

  #extend(piece: string): void {
    if (this.#begun.length + piece.length > this.#maxChars) this.#isTooLong = true;
    this.#begun = this.#isTooLong ? '' : this.#begun + piece;
  }
}
