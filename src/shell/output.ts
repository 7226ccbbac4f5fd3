import { StringDecoder } from 'node:string_decoder';

/** Characters kept of one stream. */
export const MAX_STREAM_CHARS = 64 * 1024;

/**
 * The end of what a process printed: a failure explains itself in its last lines. What is dropped
 * before it is counted in a first line.
 */
export class OutputTail {
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #dropped = 0;

  /** Takes a chunk in; returns its text, whole characters only. */
  add(chunk: Uint8Array): string {
    const text = this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#text += text;
    // Cut only now and then: a slice per chunk would copy the tail each time.
    if (this.#text.length > 2 * MAX_STREAM_CHARS) this.#cut();
    return text;
  }

  get text(): string {
    this.#cut();
    return this.#dropped === 0
      ? this.#text
      : `[${this.#dropped} characters before this are not kept]\n${this.#text}`;
  }

  #cut(): void {
    const excess = this.#text.length - MAX_STREAM_CHARS;
    if (excess <= 0) return;
    this.#text = this.#text.slice(excess);
    this.#dropped += excess;
  }
}
