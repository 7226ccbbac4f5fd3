import { z } from 'zod';
import { isId } from '../../protocol/ids.ts';
import {
  MAX_CRDT_DEPTH,
  MAX_CRDT_NAME_CHARS,
  MAX_CRDT_OPERATIONS,
  MAX_CRDT_TEXT_CHARS,
  MAX_CRDT_VALUE_CHARS,
  MAX_CRDT_VALUE_DEPTH,
} from '../../protocol/limits.ts';
import { badInput, DATA_TYPES, type DataType, type Json } from './data-type.ts';

/** A document, or a field of one that is an or-map, of which fields may be or-maps again. */
export interface Path {
  readonly name: string;
  /** Empty: the document itself. */
  readonly fields: readonly string[];
}

// No separator of a path, and nothing that a terminal would act on.
const FIELD = /^[^\p{Cc}/~]+$/u;

/** @throws SwarmError BAD_INPUT saying what a path looks like. */
export function parsePath(text: string): Path {
  const [name = '', ...fields] = text.split('/');
  if (!isId(name)) {
    throw badInput(
      `"${clip(text)}" names no document: expected 1 to 64 letters, digits, dots, underscores and dashes, and behind them "/FIELD" for a field`,
    );
  }
  if (fields.length > MAX_CRDT_DEPTH)
    throw badInput(`${clip(text)} goes ${fields.length} fields deep; ${MAX_CRDT_DEPTH} is the most`);
  for (const field of fields) {
    if (field.length <= MAX_CRDT_NAME_CHARS && FIELD.test(field)) continue;
    throw badInput(
      `"${clip(field)}" names no field: expected 1 to ${MAX_CRDT_NAME_CHARS} characters without "/" and "~"`,
    );
  }
  return { name, fields };
}

const amount = z.int().refine((by) => by !== 0, 'expected a whole number other than 0');
const position = z.int();
const value = z.custom<Json>(isJson, {
  error: `expected JSON of at most ${MAX_CRDT_VALUE_CHARS} characters, and ${MAX_CRDT_VALUE_DEPTH} levels`,
});
const path = z.string().max(2_000);
const type = z.enum(DATA_TYPES);

const schema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('create'), path, type }),
  z.strictObject({ op: z.literal('inc'), path, by: amount, type: type.optional() }),
  z.strictObject({ op: z.literal('set'), path, value, type: type.optional() }),
  z.strictObject({ op: z.literal('add'), path, value, type: type.optional() }),
  z.strictObject({
    ...{ op: z.literal('insert'), path, type: type.optional() },
    values: z.union([z.string().min(1).max(MAX_CRDT_TEXT_CHARS), z.array(value).min(1).max(1_000)]),
    at: position.optional(),
  }),
  /** Of an or-set the element `value`. */
  z.strictObject({ op: z.literal('remove'), path, value }),
  /** Of a sequence `count` from position `at` on. */
  z.strictObject({ op: z.literal('cut'), path, at: position, count: z.int().positive() }),
  /** Everything that is seen in a field, or in all of a document. */
  z.strictObject({ op: z.literal('clear'), path }),
]);

export type Operation = z.infer<typeof schema>;

/** @throws SwarmError BAD_INPUT */
export function parseOperations(given: unknown): readonly Operation[] {
  const parsed = z.array(schema).min(1).max(MAX_CRDT_OPERATIONS).safeParse(given);
  if (parsed.success) return parsed.data;
  throw badInput(`no operation on a document: ${z.prettifyError(parsed.error)}`);
}

/** The type that an operation makes of a place that has none yet; undefined where it needs one to be there. */
export function typeMadeBy(operation: Operation): DataType | undefined {
  switch (operation.op) {
    case 'create':
      return operation.type;
    case 'inc':
      return operation.type ?? 'pn-counter';
    case 'set':
      return operation.type ?? 'lww-register';
    case 'add':
      return operation.type ?? 'or-set';
    case 'insert':
      return operation.type ?? (typeof operation.values === 'string' ? 'rga-text' : 'rga-list');
    default:
      return undefined;
  }
}

function isJson(given: unknown): given is Json {
  if (!isJsonWithin(given, MAX_CRDT_VALUE_DEPTH)) return false;
  return JSON.stringify(given).length <= MAX_CRDT_VALUE_CHARS;
}

function isJsonWithin(given: unknown, depth: number): boolean {
  if (given === null || typeof given === 'string' || typeof given === 'boolean') return true;
  if (typeof given === 'number') return Number.isFinite(given);
  if (typeof given !== 'object' || depth === 0) return false;
  const isPlain = Array.isArray(given) || Object.getPrototypeOf(given) === Object.prototype;
  return isPlain && Object.values(given).every((one) => isJsonWithin(one, depth - 1));
}

function clip(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
