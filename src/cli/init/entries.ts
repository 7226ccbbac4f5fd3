import { isDeepStrictEqual } from 'node:util';
import type { JsonDocument, JsonPath } from './json-document.ts';
import type { Json } from './json-edit.ts';

/** Why something is left as it is. */
export const YOURS = 'is there already and not from here; --force writes over it';
export const EDITED = 'was changed or removed since; --force writes it anew';

/** One thing that stands in a file which belongs to somebody else. */
export interface Entry {
  /** Of the property, or of the list in which the item stands. */
  readonly path: readonly string[];
  readonly as: 'property' | 'item';
  readonly value: Json;
}

export interface Merge {
  readonly wanted: readonly Entry[];
  /** Those that were written before. */
  readonly written: readonly Entry[];
  /** Objects and lists that were made for them. */
  readonly made: readonly (readonly string[])[];
  /** Whether an item is one of ours that somebody has changed, or written by hand. */
  isLike(item: Json, entry: Entry): boolean;
  /** Puts back what somebody has changed or taken out. */
  readonly force: boolean;
}

export interface Merged {
  readonly document: JsonDocument;
  /** What stands in it now and is ours. */
  readonly entries: readonly Entry[];
  /** Objects and lists that were not there before. */
  readonly made: readonly (readonly string[])[];
  readonly kept: readonly string[];
}

/**
 * Writes what is wanted into a document, and nothing over what somebody else has written or changed. What was
 * written before and is not wanted any more is taken out.
 *
 * @throws SwarmError BAD_INPUT when an object or a list is something else.
 */
export function mergeEntries(original: JsonDocument, merge: Merge): Merged {
  const { wanted, written } = merge;
  const ours: Entry[] = [];
  const kept: string[] = [];
  const unwanted = written.filter((entry) => !wanted.some((one) => isSamePlace(one, entry)));
  let document = takeOutEntries(original, {
    entries: unwanted,
    made: unwanted.length === 0 ? [] : merge.made,
  });
  for (const entry of wanted) {
    expectContainers(document, entry);
    const before = written.find((one) => isSamePlace(one, entry));
    const place = entry.as === 'property' ? placeProperty : placeItem;
    const outcome = place(document, entry, { ...merge, before });
    document = outcome.document;
    if (outcome.isOurs) ours.push(entry);
    // Remembered as it was written: what people have taken out is not put in again.
    else if (before !== undefined) ours.push(before);
    if (outcome.kept !== undefined) kept.push(outcome.kept);
  }
  return { document, entries: ours, made: madeBy(original, ours), kept };
}

/** Takes out what still stands there as it was written, and what was made for it and is empty now. */
export function takeOutEntries(
  original: JsonDocument,
  { entries, made }: Pick<Merged, 'entries' | 'made'>,
): JsonDocument {
  let document = original;
  for (const entry of entries) document = withoutEntry(document, entry);
  const deepestFirst = [...made].sort((left, right) => right.length - left.length);
  for (const path of deepestFirst) if (isEmpty(document.at(path))) document = document.without(path);
  return document;
}

interface Step extends Merge {
  readonly before: Entry | undefined;
}

interface Outcome {
  readonly document: JsonDocument;
  readonly isOurs: boolean;
  readonly kept?: string;
}

function placeProperty(document: JsonDocument, { path, value }: Entry, { before, force }: Step): Outcome {
  const current = document.at(path);
  if (isDeepStrictEqual(current, value)) return { document, isOurs: before !== undefined };
  const isFree = current === undefined && before === undefined;
  const isUntouched = before !== undefined && isDeepStrictEqual(current, before.value);
  if (isFree || isUntouched || force) return { document: document.with(path, value), isOurs: true };
  return { document, isOurs: false, kept: `${path.join('.')} ${before === undefined ? YOURS : EDITED}` };
}

function placeItem(document: JsonDocument, entry: Entry, { before, force, isLike }: Step): Outcome {
  const { path, value } = entry;
  const list = itemsAt(document, path);
  if (list.some((item) => isDeepStrictEqual(item, value))) return { document, isOurs: before !== undefined };
  const old = before === undefined ? -1 : list.findIndex((item) => isDeepStrictEqual(item, before.value));
  if (old >= 0) return { document: document.with([...path, old], value), isOurs: true };
  const like = list.findIndex((item) => isLike(item, entry));
  if (before === undefined && like < 0) return { document: document.withItem(path, value), isOurs: true };
  if (!force)
    return { document, isOurs: false, kept: `${path.join('.')} ${before === undefined ? YOURS : EDITED}` };
  const forced = like < 0 ? document.withItem(path, value) : document.with([...path, like], value);
  return { document: forced, isOurs: true };
}

function expectContainers(document: JsonDocument, { path, as }: Entry): void {
  for (let depth = 1; depth < path.length; depth++) document.expect(path.slice(0, depth), 'object');
  if (as === 'item') document.expect(path, 'array');
}

function withoutEntry(document: JsonDocument, entry: Entry): JsonDocument {
  const path = placeOf(document, entry);
  return path === undefined ? document : document.without(path);
}

function placeOf(document: JsonDocument, { path, as, value }: Entry): JsonPath | undefined {
  if (as === 'property') return isDeepStrictEqual(document.at(path), value) ? path : undefined;
  const at = itemsAt(document, path).findIndex((item) => isDeepStrictEqual(item, value));
  return at < 0 ? undefined : [...path, at];
}

function itemsAt(document: JsonDocument, path: JsonPath): readonly Json[] {
  const list = document.at(path);
  return Array.isArray(list) ? list : [];
}

/** Two items of one list are told apart by their matcher. */
function isSamePlace(left: Entry, right: Entry): boolean {
  const isSamePath = left.as === right.as && isDeepStrictEqual(left.path, right.path);
  return isSamePath && (left.as === 'property' || matcherOf(left.value) === matcherOf(right.value));
}

/** What an item of `hooks.EVENT` is for; undefined: for everything. */
export function matcherOf(item: Json): Json | undefined {
  return isObject(item) ? item.matcher : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function madeBy(original: JsonDocument, entries: readonly Entry[]): readonly (readonly string[])[] {
  const made = new Map<string, readonly string[]>();
  for (const { path, as } of entries) {
    const containers = as === 'item' ? path.length : path.length - 1;
    for (let depth = 1; depth <= containers; depth++) {
      const container = path.slice(0, depth);
      if (original.at(container) === undefined) made.set(container.join('\n'), container);
    }
  }
  return [...made.values()];
}

function isEmpty(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
