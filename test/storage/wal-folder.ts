import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenWalFile, openWalFile } from '../../src/storage/wal-file.ts';

/** Temporary data folders of one test. */
export class Folders {
  readonly #root = mkdtempSync(join(tmpdir(), 'raft-manager-wal-'));
  #count = 0;

  create(): string {
    this.#count += 1;
    return join(this.#root, String(this.#count));
  }

  /** What another process would find if this one lost its power now, all written bytes being on the disk. */
  copyOf(folder: string): string {
    const copy = this.create();
    mkdirSync(copy);
    // The newest first: segments go oldest first, and some may go while we look.
    const names = readdirSync(folder).filter((name) => !name.startsWith('lock-'));
    for (const name of names.sort().reverse()) {
      copyIfThere(join(folder, name), join(copy, name));
    }
    return copy;
  }

  /** A folder with these segments. */
  with(segments: readonly { readonly name: string; readonly bytes: Buffer }[]): string {
    const folder = this.create();
    mkdirSync(folder);
    for (const { name, bytes } of segments) writeFileSync(join(folder, name), bytes);
    return folder;
  }

  remove(folder: string): void {
    rmSync(folder, { recursive: true, force: true });
  }

  dispose(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** Segments of a folder, oldest first, without those that the log frees while this reads. */
export function segmentsOf(folder: string): { readonly name: string; readonly bytes: Buffer }[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.wal'));
  return names.sort().flatMap((name) => {
    const bytes = contentsIfThere(join(folder, name));
    return bytes === undefined ? [] : [{ name, bytes }];
  });
}

function contentsIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The one call of the log on its files that is about to be made, and how to answer it. */
export type Intercept = (call: 'open' | 'write' | 'sync') => Error | undefined;

/** The file system, with a say for the test before every call. */
export function intercepted(intercept: Intercept): OpenWalFile {
  return async (path) => {
    const refusal = intercept('open');
    if (refusal !== undefined) throw refusal;
    const file = await openWalFile(path);
    return {
      write(bytes, position, done) {
        const error = intercept('write');
        if (error === undefined) file.write(bytes, position, done);
        else setImmediate(() => done(error));
      },
      sync(done) {
        const error = intercept('sync');
        if (error === undefined) file.sync(done);
        else setImmediate(() => done(error));
      },
      close: () => file.close(),
    };
  };
}

/** The same as values that compare fast. */
export function contentsOf(folder: string): readonly string[] {
  return segmentsOf(folder).map(
    ({ name, bytes }) => `${name} ${createHash('sha256').update(bytes).digest('hex')}`,
  );
}
