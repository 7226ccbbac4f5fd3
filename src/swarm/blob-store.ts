import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { MAX_BLOB_BYTES, MAX_STORED_BLOB_BYTES } from '../protocol/limits.ts';
import type { BlobName } from '../tasks/blob-name.ts';
import { isMissing } from './files.ts';

const NAME = /^[0-9a-f]{64}$/;

/**
 * Contents that nobody has named yet: the command that will may still be on its way, or this node behind in the log.
 * Longer than any command is waited for.
 */
const UNNAMED_GRACE_MS = 60 * 60 * 1000;

interface Stored {
  readonly bytes: number;
  /** Settles once it is on the disk. */
  readonly writing: Promise<void>;
  /** When somebody wanted it here last. */
  askedAt: Millis;
  wasNamed: boolean;
}

export function nameOf(content: Uint8Array): BlobName {
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
}

/**
 * One node's contents beside the log: a file each, called by its SHA-256, so that writing one twice is writing it once
 * and what has rotted on the disk is found when it is read.
 */
export class BlobStore {
  readonly #folder: string;
  readonly #stored = new Map<string, Stored>();
  #drafts = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) {
      // What is no content is the draft of a process that died.
      if (!NAME.test(file)) rmSync(join(folder, file));
      else {
        const { size, mtimeMs } = statSync(join(folder, file));
        this.#stored.set(file, {
          bytes: size,
          writing: Promise.resolve(),
          askedAt: mtimeMs,
          wasNamed: false,
        });
      }
    }
  }

  /**
   * Resolves once the content is on the disk.
   *
   * @throws SwarmError LIMIT_EXCEEDED when it is too large, or the store is full.
   */
  async put(content: Uint8Array): Promise<BlobName> {
    const name = nameOf(content);
    const known = this.#stored.get(name.sha256);
    if (known !== undefined) {
      known.askedAt = Date.now();
      known.wasNamed = false;
      await known.writing;
      return name;
    }
    const total = [...this.#stored.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (content.length > MAX_BLOB_BYTES || total + content.length > MAX_STORED_BLOB_BYTES) {
      const room = `one may have ${MAX_BLOB_BYTES} bytes, and all ${MAX_STORED_BLOB_BYTES}`;
      throw new SwarmError('LIMIT_EXCEEDED', `no room for a content of ${content.length} bytes: ${room}`);
    }
    // Noted before it is there, so that what arrives meanwhile counts it, or waits for it.
    const writing = this.#write(this.#path(name.sha256), content);
    this.#stored.set(name.sha256, { bytes: content.length, writing, askedAt: Date.now(), wasNamed: false });
    try {
      await writing;
    } catch (error) {
      this.#stored.delete(name.sha256);
      throw error;
    }
    return name;
  }

  /** Whether it is here, or on its way. */
  has(sha256: string): boolean {
    return this.#stored.has(sha256);
  }

  /** Undefined when it is not here, or is not any more what it was. */
  async get(sha256: string): Promise<Uint8Array | undefined> {
    if (!NAME.test(sha256)) return undefined;
    try {
      const content = new Uint8Array(await readFile(this.#path(sha256)));
      if (nameOf(content).sha256 === sha256) return content;
      await this.#remove(sha256);
      return undefined;
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#stored.delete(sha256);
      return undefined;
    }
  }

  /** Somebody has named it: from now on it is kept only as long as that is so. */
  noteNamed(sha256: string): void {
    const stored = this.#stored.get(sha256);
    if (stored !== undefined) stored.wasNamed = true;
  }

  /** Removes what was named and is not any more, and what nobody has come to name for long. */
  async sweep(named: ReadonlySet<string>, now: Millis = Date.now()): Promise<void> {
    for (const [sha256, stored] of [...this.#stored]) {
      if (named.has(sha256)) this.noteNamed(sha256);
      else if (stored.wasNamed || now - stored.askedAt > UNNAMED_GRACE_MS) await this.#remove(sha256);
    }
  }

  async #remove(sha256: string): Promise<void> {
    this.#stored.delete(sha256);
    await rm(this.#path(sha256), { force: true });
  }

  async #write(path: string, content: Uint8Array): Promise<void> {
    this.#drafts += 1;
    const draft = `${path}.${process.pid}.${this.#drafts}.draft`;
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const folder = await open(this.#folder);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256);
  }
}
