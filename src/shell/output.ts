import { MAX_OUTPUT_CHARS } from '../protocol/limits.ts';

/** Room for the line that says how much is missing. */
const NOTICE_CHARS = 64;

/**
 * The end of what a process printed, at most `MAX_OUTPUT_CHARS` UTF-16 code units: a failure explains itself
 * in its last lines. What is dropped before it is counted in a first line.
 */
export class OutputTail {
  #text = '';
  #dropped = 0;

  add(text: string): void {
    this.#text += text;
    // Cut only now and then: a slice per chunk would copy the tail each time.
    if (this.#text.length > 2 * MAX_OUTPUT_CHARS) this.#cut();
  }

  get text(): string {
    if (this.#dropped > 0 || this.#text.length > MAX_OUTPUT_CHARS) this.#cut();
    return this.#dropped === 0
      ? this.#text
      : `[${this.#dropped} characters before this are not kept]\n${this.#text}`;
  }

  #cut(): void {
    let excess = this.#text.length - (MAX_OUTPUT_CHARS - NOTICE_CHARS);
    if (excess <= 0) return;
    if (isSecondHalf(this.#text.charCodeAt(excess))) excess += 1;
    this.#text = this.#text.slice(excess);
    this.#dropped += excess;
  }
}

/** Half a character could not be stored as UTF-8. */
function isSecondHalf(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
