import { createHash } from 'node:crypto';
import {
  applyUpdate,
  Doc,
  decodeStateVector,
  diffUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  getState,
  type Map as SharedMap,
} from 'yjs';
import { SwarmError } from '../../protocol/errors.ts';
import { badInput, type DataType, type Json, type Pen } from './data-type.ts';
import { FieldTree } from './field-tree.ts';
import { type Operation, typeMadeBy } from './operation.ts';
import { carryOut, checkKnown, LEAF_TYPES } from './types/all.ts';
import { checkUpdate } from './update-shape.ts';

/** What a reader gets. */
export interface Reading {
  readonly type: DataType;
  readonly value: Json;
  /** Types that others gave the same name at the same time: what they hold is kept, and not shown. */
  readonly hidden: readonly DataType[];
}

/** Of whom a change comes: one that was made here has to be told to others. */
export type Origin = 'here' | 'elsewhere';

interface DocumentOptions {
  readonly name: string;
  onUpdate(update: Uint8Array, origin: Origin): void;
}

/** Characters of a digest: 128 bits. */
const DIGEST_CHARS = 22;

/**
 * One named document: a Yjs document of its own, so that it is synchronised, measured, checkpointed and dropped by
 * itself, and what one actor writes to it has consecutive clocks, which Yjs keeps as one piece when it is overwritten.
 *
 * Every field has a shared type at the top, called by type and path. Nested shared types would be lost where two
 * instances make one and the same field at once: Yjs keeps one of two values of a key.
 */
export class SharedDocument {
  readonly name: string;
  readonly #doc: Doc;
  readonly #fields: FieldTree;
  /** Moves a clock by an entry of its own; and knows whether the document was cleared. */
  readonly #marks: SharedMap<unknown>;
  #digest: string | undefined;
  #vector: ReadonlyMap<number, number> | undefined;
  #bytes = 0;
  #isMeasured = false;

  constructor({ name, onUpdate }: DocumentOptions) {
    this.name = name;
    this.#doc = new Doc({ gc: true });
    this.#fields = new FieldTree(this.#doc.getMap('schema'));
    this.#marks = this.#doc.getMap('marks');
    this.#doc.on('update', (update: Uint8Array, origin: unknown) => {
      this.#digest = undefined;
      this.#vector = undefined;
      this.#bytes += update.length;
      this.#isMeasured = false;
      onUpdate(update, origin === 'here' ? 'here' : 'elsewhere');
    });
  }

  /** At least as many as it has in one piece; what waits for something that came before it counts, too. */
  get bytes(): number {
    const { pendingDs, pendingStructs } = this.#doc.store;
    return this.#bytes + (pendingStructs?.update.length ?? 0) + (pendingDs?.length ?? 0);
  }

  /** As many as it has in one piece. */
  measure(): number {
    return this.#isMeasured ? this.#bytes : this.updateSince().length;
  }

  get type(): DataType | undefined {
    return this.#fields.typesAt([])[0];
  }

  /** It was cleared, and nothing has come since: it is kept until everybody has heard that. */
  get isGone(): boolean {
    return (
      this.#marks.get(CLEARED) === true && this.#fields.typesAt([]).every((type) => this.#isEmpty([], type))
    );
  }

  /**
   * Of the state: two replicas with equal digests hold the same. Every change moves a clock, also one that only takes
   * away, so that the clocks say all.
   */
  get digest(): string {
    this.#digest ??= createHash('sha256').update(this.stateVector).digest('base64url').slice(0, DIGEST_CHARS);
    return this.#digest;
  }

  get stateVector(): Uint8Array {
    return encodeStateVector(this.#doc);
  }

  get vector(): ReadonlyMap<number, number> {
    this.#vector ??= decodeStateVector(this.stateVector);
    return this.#vector;
  }

  /** Nothing was ever written to it, and nothing waits for what came before it. */
  get isBlank(): boolean {
    const { clients, pendingDs, pendingStructs } = this.#doc.store;
    return clients.size === 0 && pendingDs === null && pendingStructs === null;
  }

  /** Changes that `client` has made, as far as is known here. */
  clockOf(client: number): number {
    return getState(this.#doc.store, client);
  }

  /** Everything, or what somebody lacks who has said what he has. */
  updateSince(vector?: Uint8Array): Uint8Array {
    const update = encodeStateAsUpdate(this.#doc, vector);
    if (vector === undefined) {
      this.#bytes = update.length;
      this.#isMeasured = true;
    }
    return update;
  }

  /** What of an update is not here; deletions may be. @throws SwarmError MALFORMED */
  newIn(update: Uint8Array): Uint8Array {
    return this.#reading(() => diffUpdate(update, this.stateVector));
  }

  /** @throws SwarmError MALFORMED when `update` is none; nothing has changed then. */
  apply(update: Uint8Array): void {
    this.#reading(() => {
      checkUpdate(update);
      applyUpdate(this.#doc, update, 'elsewhere');
    });
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SwarmError('MALFORMED', `what came for the document ${this.name} cannot be read: ${reason}`);
    }
  }

  /** Carries out one operation. @throws SwarmError BAD_INPUT, LIMIT_EXCEEDED, UNKNOWN_DOCUMENT; nothing has changed then. */
  mutate(fields: readonly string[], operation: Operation, pen: Pen): void {
    const type = this.#typeFor(fields, operation);
    this.#fields.checkRoom(fields, type);
    this.#doc.clientID = pen.client;
    this.#doc.transact(() => {
      if (type !== 'or-map') carryOut({ doc: this.#doc, key: keyOf(fields, type), type }, operation, pen);
      else if (operation.op === 'clear') this.#clear(fields, pen);
      this.#fields.declare(fields, type);
      this.#mark(fields, operation, pen);
    }, 'here');
  }

  /** @throws SwarmError UNKNOWN_DOCUMENT when nothing of that name was ever made, or it was cleared. */
  read(fields: readonly string[]): Reading {
    const [type, ...others] = this.#fields.typesAt(fields);
    if (type === undefined || this.isGone) throw this.#unknown(fields);
    const hidden = others.filter((one) => !this.#isEmpty(fields, one));
    return { type, value: this.#read(fields, type), hidden };
  }

  /** As `read`, for who does not mind if nothing is there. */
  peek(fields: readonly string[]): Json | undefined {
    const [type] = this.#fields.typesAt(fields);
    return type === undefined ? undefined : this.#read(fields, type);
  }

  destroy(): void {
    this.#doc.destroy();
  }

  #typeFor(fields: readonly string[], operation: Operation): DataType {
    for (let depth = 0; depth < fields.length; depth += 1) {
      const [above = 'or-map'] = this.#fields.typesAt(fields.slice(0, depth));
      if (above === 'or-map') continue;
      throw badInput(
        `${this.#pathTo(fields.slice(0, depth))} is of type ${above}; only an or-map has fields`,
      );
    }
    const [is] = this.#fields.typesAt(fields);
    const type = is ?? typeMadeBy(operation);
    if (type === undefined) throw this.#unknown(fields);
    const wanted = 'type' in operation ? operation.type : undefined;
    if (wanted !== undefined && wanted !== type) {
      throw badInput(
        `${this.#pathTo(fields)} is of type ${type}, and no type becomes another: not ${wanted}`,
      );
    }
    checkKnown(operation, type, this.#pathTo(fields));
    return type;
  }

  #read(fields: readonly string[], type: DataType): Json {
    if (type !== 'or-map') return LEAF_TYPES[type].read({ doc: this.#doc, key: keyOf(fields, type) });
    const entries: [string, Json][] = [];
    for (const child of this.#fields.childrenOf(fields)) {
      const inner = [...fields, child];
      const [its] = this.#fields.typesAt(inner);
      if (its !== undefined && !this.#isEmpty(inner, its)) entries.push([child, this.#read(inner, its)]);
    }
    return Object.fromEntries(entries);
  }

  #isEmpty(fields: readonly string[], type: DataType): boolean {
    if (type !== 'or-map') return LEAF_TYPES[type].isEmpty({ doc: this.#doc, key: keyOf(fields, type) });
    return this.#fields
      .childrenOf(fields)
      .every((child) =>
        this.#fields.typesAt([...fields, child]).every((one) => this.#isEmpty([...fields, child], one)),
      );
  }

  /** All types of all fields: also what does not show. */
  #clear(fields: readonly string[], pen: Pen): void {
    for (const child of this.#fields.childrenOf(fields)) {
      const inner = [...fields, child];
      for (const type of this.#fields.typesAt(inner)) {
        if (type === 'or-map') this.#clear(inner, pen);
        else LEAF_TYPES[type].reset({ doc: this.#doc, key: keyOf(inner, type) }, pen);
      }
    }
  }

  /** What only takes away moves no clock of Yjs': without a mark nobody could tell who has heard of it. */
  #mark(fields: readonly string[], { op }: Operation, { actor }: Pen): void {
    const isCleared = op === 'clear' && fields.length === 0;
    if (isCleared !== (this.#marks.get(CLEARED) === true)) this.#marks.set(CLEARED, isCleared);
    else if (TAKES_AWAY.has(op)) this.#marks.set(actor, 0);
  }

  #unknown(fields: readonly string[]): SwarmError {
    return new SwarmError('UNKNOWN_DOCUMENT', `there is nothing at ${this.#pathTo(fields)}`);
  }

  #pathTo(fields: readonly string[]): string {
    return [this.name, ...fields].join('/');
  }
}

/** No actor is called so. */
const CLEARED = '~cleared';

const TAKES_AWAY: ReadonlySet<Operation['op']> = new Set(['remove', 'cut', 'clear']);

function keyOf(fields: readonly string[], type: DataType): string {
  return `${type}:${fields.join('/')}`;
}
