import type { Map as SharedMap } from 'yjs';
import { SwarmError } from '../../protocol/errors.ts';
import { MAX_CRDT_FIELDS } from '../../protocol/limits.ts';
import { DATA_TYPES, type DataType } from './data-type.ts';

interface Field {
  readonly types: readonly DataType[];
  readonly children: ReadonlySet<string>;
}

/**
 * Which fields of which types a document has ever had. An entry says a path and a type, and is never taken back: two
 * instances that make one field at once agree about both, whatever order they hear of each other in.
 */
export class FieldTree {
  /** `TYPE:PATH`. */
  readonly #schema: SharedMap<unknown>;
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(schema: SharedMap<unknown>) {
    this.#schema = schema;
    schema.observe(() => {
      this.#fields = undefined;
    });
  }

  /** The first is the one that counts; more than one where several were made at the same time. */
  typesAt(fields: readonly string[]): readonly DataType[] {
    return this.#all.get(fields.join('/'))?.types ?? [];
  }

  childrenOf(fields: readonly string[]): readonly string[] {
    return [...(this.#all.get(fields.join('/'))?.children ?? [])];
  }

  /** @throws SwarmError LIMIT_EXCEEDED when one more field were too many. */
  checkRoom(fields: readonly string[], type: DataType): void {
    if (this.#schema.size < MAX_CRDT_FIELDS || this.typesAt(fields).includes(type)) return;
    throw new SwarmError(
      'LIMIT_EXCEEDED',
      `a document has at most ${MAX_CRDT_FIELDS} fields, those that were cleared included`,
    );
  }

  /** Notes a field, and the or-maps that it lies in. */
  declare(fields: readonly string[], type: DataType): void {
    if (this.typesAt(fields).includes(type)) return;
    for (let depth = 0; depth < fields.length; depth += 1) this.#note(fields.slice(0, depth), 'or-map');
    this.#note(fields, type);
    this.#fields = undefined;
  }

  #note(fields: readonly string[], type: DataType): void {
    const key = `${type}:${fields.join('/')}`;
    if (!this.#schema.has(key)) this.#schema.set(key, 1);
  }

  get #all(): ReadonlyMap<string, Field> {
    this.#fields ??= readFields([...this.#schema.keys()]);
    return this.#fields;
  }
}

function readFields(keys: readonly string[]): ReadonlyMap<string, Field> {
  const fields = new Map<string, { types: DataType[]; children: Set<string> }>();
  const at = (path: string): { types: DataType[]; children: Set<string> } => {
    const before = fields.get(path);
    if (before !== undefined) return before;
    const field = { types: [], children: new Set<string>() };
    fields.set(path, field);
    const inner = path.split('/');
    const last = inner.pop();
    if (path !== '' && last !== undefined) at(inner.join('/')).children.add(last);
    return field;
  };
  for (const key of [...keys].sort()) {
    const end = key.indexOf(':');
    const type = DATA_TYPES.find((one) => one === key.slice(0, end));
    if (type !== undefined) at(key.slice(end + 1)).types.push(type);
  }
  for (const { types } of fields.values())
    types.sort((a, b) => DATA_TYPES.indexOf(a) - DATA_TYPES.indexOf(b));
  return fields;
}
