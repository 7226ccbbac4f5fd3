import { SwarmError } from '../../../../protocol/errors.ts';
import type { TextFile } from './text-file.ts';

/** Of one task; the one seen longest ago is forgotten, and has to be read again. */
const MAX_FILES = 1_000;

/** What an agent knows of files, by path in the workspace: the hash of what it saw last. */
export class SeenFiles {
  readonly #hashes: Map<string, string>;

  constructor(hashes: Readonly<Record<string, string>>) {
    this.#hashes = new Map(Object.entries(hashes));
  }

  note(path: string, sha256: string): void {
    this.#hashes.delete(path);
    this.#hashes.set(path, sha256);
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > MAX_FILES && oldest !== undefined) this.#hashes.delete(oldest);
  }

  /**
   * Others work on the same files: what is changed must be what was seen.
   *
   * @throws SwarmError BAD_INPUT when it was not read, or has changed since.
   */
  check(path: string, { sha256 }: Pick<TextFile, 'sha256'>): void {
    const known = this.#hashes.get(path);
    if (known === undefined) throw new SwarmError('BAD_INPUT', `Read ${path} before you change it`);
    if (known !== sha256) {
      throw new SwarmError(
        'BAD_INPUT',
        `${path} was changed by somebody else since you read it; Read it again`,
      );
    }
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#hashes);
  }
}
