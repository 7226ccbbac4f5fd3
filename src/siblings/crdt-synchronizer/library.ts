import { createHash } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import { invariant } from '../../protocol/invariant.ts';
import {
  MAX_CRDT_DOCUMENT_BYTES,
  MAX_CRDT_DOCUMENTS,
  MAX_CRDT_MERGED_BYTES,
  MAX_CRDT_MERGED_DOCUMENTS,
} from '../../protocol/limits.ts';
import type { Pen } from './data-type.ts';
import { type Origin, type Reading, SharedDocument } from './document.ts';
import { type Operation, parsePath } from './operation.ts';
import type { NamedUpdate, Refusal } from './peer-wire.ts';

interface LibraryOptions {
  /** After every change, once: `update` is what another replica needs. */
  onUpdate(name: string, update: Uint8Array, origin: Origin): void;
  /** Somebody else writes with this pen: from a copy of this instance's folder, or from data that it has lost. */
  onTwin?(): void;
}

/** All documents of one instance. */
export class Library {
  readonly #options: LibraryOptions;
  readonly #documents = new Map<string, SharedDocument>();
  #root: string | undefined;
  #pen: Pen | undefined;

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /** From now on changes are made with `pen`. Without one documents are only read. */
  takeUp(pen: Pen): void {
    this.#pen = pen;
  }

  /** Equal where all documents are. */
  get root(): string {
    if (this.#root === undefined) {
      const hash = createHash('sha256');
      for (const name of this.names) hash.update(`${name} ${this.#documents.get(name)?.digest}\n`);
      this.#root = hash.digest('base64url');
    }
    return this.#root;
  }

  /** Sorted; those that are gone but not forgotten yet among them. */
  get names(): readonly string[] {
    return [...this.#documents.keys()].sort();
  }

  find(name: string): SharedDocument | undefined {
    return this.#documents.get(name);
  }

  /** @throws SwarmError BAD_INPUT, UNKNOWN_DOCUMENT */
  read(path: string): Reading {
    const { name, fields } = parsePath(path);
    const document = this.#documents.get(name);
    if (document === undefined) throw unknown(name);
    return document.read(fields);
  }

  /** @throws SwarmError BAD_INPUT, UNKNOWN_DOCUMENT, LIMIT_EXCEEDED; nothing has changed then. */
  mutate(operation: Operation): void {
    const { fields, name } = parsePath(operation.path);
    const pen = this.#pen;
    invariant(pen !== undefined, 'whoever writes has taken up a pen');
    const known = this.#documents.get(name);
    checkBytes(known, operation);
    if (known !== undefined) return known.mutate(fields, operation, pen);
    if (!MAKES.has(operation.op)) throw unknown(name);
    this.#checkCount(MAX_CRDT_DOCUMENTS);
    const made = this.#create(name);
    try {
      made.mutate(fields, operation, pen);
    } finally {
      // What was refused has left no trace in it.
      if (made.type === undefined) this.forget(name);
    }
  }

  /** Takes in what another replica has, as far as it may be: what is wrong with one document is no matter of the others. */
  takeIn(updates: readonly NamedUpdate[]): readonly Refusal[] {
    return updates.flatMap(([name, update]) => {
      try {
        this.apply(name, update);
        return [];
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        const { code, message } = error;
        return [{ name, code: code === 'LIMIT_EXCEEDED' ? code : 'MALFORMED', message }];
      }
    });
  }

  /** Takes in what another replica has. @throws SwarmError MALFORMED, LIMIT_EXCEEDED */
  apply(name: string, update: Uint8Array): void {
    const known = this.#documents.get(name);
    if (known === undefined) this.#checkCount(MAX_CRDT_MERGED_DOCUMENTS);
    else checkMerged(known, update);
    const document = known ?? this.#create(name);
    const own = this.#pen === undefined ? 0 : document.clockOf(this.#pen.client);
    try {
      document.apply(update);
    } finally {
      // There is nothing there either.
      if (known === undefined && document.isBlank) this.forget(name);
    }
    if (this.#pen !== undefined && document.clockOf(this.#pen.client) > own) this.#options.onTwin?.();
  }

  /** As if it had never been. */
  forget(name: string): void {
    this.#documents.get(name)?.destroy();
    this.#documents.delete(name);
    this.#root = undefined;
  }

  #checkCount(limit: number): void {
    if (this.#documents.size < limit) return;
    throw new SwarmError('LIMIT_EXCEEDED', `there are ${limit} documents; clear one of them`);
  }

  #create(name: string): SharedDocument {
    const { onUpdate } = this.#options;
    const document = new SharedDocument({
      name,
      onUpdate: (update, origin) => {
        this.#root = undefined;
        onUpdate(name, update, origin);
      },
    });
    this.#documents.set(name, document);
    this.#root = undefined;
    return document;
  }
}

const MAKES: ReadonlySet<Operation['op']> = new Set(['create', 'inc', 'set', 'add', 'insert']);

function unknown(name: string): SwarmError {
  return new SwarmError(
    'UNKNOWN_DOCUMENT',
    `there is no document ${name} here; "raft-manager crdt list" shows those that are`,
  );
}

/** Whoever makes room may always do so. */
function checkBytes(document: SharedDocument | undefined, operation: Operation): void {
  if (!MAKES.has(operation.op)) return;
  const added = Buffer.byteLength(JSON.stringify(operation));
  if ((document?.bytes ?? 0) + added <= MAX_CRDT_DOCUMENT_BYTES) return;
  const bytes = document?.updateSince().length ?? 0;
  if (bytes + added <= MAX_CRDT_DOCUMENT_BYTES) return;
  throw new SwarmError(
    'LIMIT_EXCEEDED',
    `${operation.path} is in a document of ${bytes} bytes, ${added} are to come, and ${MAX_CRDT_DOCUMENT_BYTES} are the most; remove something, or go on in another document`,
  );
}

/** What is here already does not count twice. */
function checkMerged(document: SharedDocument, update: Uint8Array): void {
  if (document.bytes + update.length <= MAX_CRDT_MERGED_BYTES) return;
  const bytes = document.updateSince().length;
  if (bytes + update.length <= MAX_CRDT_MERGED_BYTES) return;
  const { length } = document.newIn(update);
  if (bytes + length <= MAX_CRDT_MERGED_BYTES) return;
  throw new SwarmError(
    'LIMIT_EXCEEDED',
    `${document.name} has ${bytes} bytes, ${length} would come to it, and ${MAX_CRDT_MERGED_BYTES} are the most`,
  );
}
