import { basename, dirname, resolve } from 'node:path';

/** Number of a file; names come and go. */
type FileId = number;

/**
 * What one process asked of its disk, in order. A sync stands where it came back, and makes durable what had been
 * asked for before it began: the first `upTo` steps.
 */
export type Step =
  | { readonly op: 'create'; readonly name: string; readonly file: FileId }
  | { readonly op: 'write'; readonly file: FileId; readonly position: number; readonly bytes: Buffer }
  | { readonly op: 'truncate'; readonly file: FileId; readonly length: number }
  | { readonly op: 'sync'; readonly file: FileId; readonly upTo: number }
  | { readonly op: 'rename'; readonly from: string; readonly to: string; readonly file: FileId }
  | { readonly op: 'remove'; readonly name: string; readonly file: FileId }
  | { readonly op: 'sync-names'; readonly upTo: number };

/** Records what is done to the files of one folder. Locks are not of interest: their process is dead after a crash. */
export class Tape {
  readonly steps: Step[] = [];
  readonly #folder: string;
  readonly #names: Map<string, FileId>;
  readonly #opened = new Map<unknown, FileId>();
  #lastFile: FileId;

  /** `names`: what is there already. */
  constructor(folder: string, names: ReadonlyMap<string, FileId>) {
    this.#folder = resolve(folder);
    this.#names = new Map(names);
    this.#lastFile = Math.max(0, ...names.values());
  }

  /** `handle` stands for the file at `path` from now on. */
  opened(path: string, handle: unknown): void {
    if (!this.#isOurs(path)) return;
    const name = basename(path);
    let file = this.#names.get(name);
    if (file === undefined) {
      this.#lastFile += 1;
      file = this.#lastFile;
      this.#names.set(name, file);
      this.steps.push({ op: 'create', name, file });
    }
    this.#opened.set(handle, file);
  }

  closed(handle: unknown): void {
    this.#opened.delete(handle);
  }

  written(handle: unknown, bytes: Uint8Array, position: number): void {
    const file = this.#opened.get(handle);
    if (file !== undefined) this.steps.push({ op: 'write', file, position, bytes: Buffer.from(bytes) });
  }

  truncated(handle: unknown, length: number): void {
    const file = this.#opened.get(handle);
    if (file !== undefined) this.steps.push({ op: 'truncate', file, length });
  }

  /** A sync begins. The returned function says that it came back. */
  syncing(handle: unknown): () => void {
    const file = this.#opened.get(handle);
    const upTo = this.steps.length;
    return () => {
      if (file !== undefined) this.steps.push({ op: 'sync', file, upTo });
    };
  }

  syncingNames(path: string): () => void {
    const upTo = this.steps.length;
    return () => {
      if (resolve(path) === this.#folder) this.steps.push({ op: 'sync-names', upTo });
    };
  }

  renamed(from: string, to: string): void {
    const file = this.#names.get(basename(from));
    if (!this.#isOurs(from) || file === undefined) return;
    this.#names.delete(basename(from));
    this.#names.set(basename(to), file);
    this.steps.push({ op: 'rename', from: basename(from), to: basename(to), file });
  }

  removed(path: string): void {
    const name = basename(path);
    const file = this.#names.get(name);
    if (!this.#isOurs(path) || file === undefined) return;
    this.#names.delete(name);
    this.steps.push({ op: 'remove', name, file });
  }

  #isOurs(path: string): boolean {
    return dirname(resolve(path)) === this.#folder && !basename(path).startsWith('lock-');
  }
}
