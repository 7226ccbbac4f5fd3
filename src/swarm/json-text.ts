import {
  findNodeAtLocation,
  getNodeValue,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import type { z } from 'zod';
import { soundJson } from './sound-json.ts';

/** What a file of ours holds, or where in it the first thing is wrong. Lines and columns count from 1. */
export type JsonText<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly line: number; readonly column: number; readonly why: string };

/** Reads JSON, and holds it against a schema. */
export function readJsonText<T>(text: string, schema: z.ZodType<T>): JsonText<T> {
  // What is sound is read by the dozen, whenever an instance looks for another one.
  const sound = soundJson(text, schema);
  return sound === undefined ? readWithPlaces(text, schema) : { ok: true, value: sound };
}

function readWithPlaces<T>(text: string, schema: z.ZodType<T>): JsonText<T> {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  const [first] = errors;
  if (first !== undefined) {
    const what = printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, '$1 $2');
    return { ok: false, ...placeOf(text, first.offset), why: `this is not JSON: ${what.toLowerCase()}` };
  }
  const parsed = schema.safeParse(root && getNodeValue(root));
  if (parsed.success) return { ok: true, value: parsed.data };
  const { message = 'unknown', path = [] } = parsed.error.issues[0] ?? {};
  // What is missing has no place of its own: whatever should hold it has.
  const places = path.map((_, at) => path.slice(0, path.length - at).map(asKey));
  const node = places
    .map((place) => root && findNodeAtLocation(root, place))
    .find((one) => one !== undefined);
  return { ok: false, ...placeOf(text, node?.offset ?? 0), why: `${path.join('.')} ${message}`.trim() };
}

function asKey(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key);
}

function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
