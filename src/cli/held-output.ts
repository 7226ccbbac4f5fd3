import { writeSync } from 'node:fs';

/** What may wait for room; what comes then is dropped. */
const MAX_HELD_BYTES = 1024 * 1024;

/**
 * Writes lines to a file, at once and one after the other. What finds no room waits for the next line, and keeps
 * nobody: a logger that insists on a full disk would hold up the process for as long as that is full.
 */
export class HeldOutput {
  readonly #fd: number;
  readonly #write: typeof writeSync;
  #held: Buffer = Buffer.alloc(0);

  constructor(fd: number, write: typeof writeSync = writeSync) {
    this.#fd = fd;
    this.#write = write;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#held.length + bytes.length <= MAX_HELD_BYTES) this.#held = Buffer.concat([this.#held, bytes]);
    try {
      while (this.#held.length > 0) this.#held = this.#held.subarray(this.#write(this.#fd, this.#held));
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  }
}
