import type { Array as SharedArray } from 'yjs';
import { canonical, type Json } from '../data-type.ts';
import type { Place, Replicated } from '../replicated.ts';

/**
 * A set of which an element is removed only as far as it was seen: every addition is an item of its own in a shared
 * list, and the id that Yjs gives the item is its tag. Whoever removes an element removes the items that he sees; one
 * that is added at the same time has another id, and stays.
 */
export const orSet: Replicated = {
  read: (place) => [...elementsOf(place)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value),
  isEmpty: (place) => sharedOf(place).length === 0,
  reset(place) {
    const shared = sharedOf(place);
    shared.delete(0, shared.length);
  },
};

/** With a new tag also where it is in already: it has to outlive whoever removes at the same time. */
export function addElement(place: Place, value: Json): void {
  const known = knownElements(place);
  const text = canonical(value);
  const shared = sharedOf(place);
  const seen = shared.length;
  shared.push([value]);
  // The new tag stands for the older ones that are seen here: a set does not grow by what it has.
  if (known.has(text)) deleteSeen(place, text, seen);
  known.add(text);
}

/** @returns false when it is not in, as far as is known here. */
export function removeElement(place: Place, value: Json): boolean {
  const known = knownElements(place);
  const text = canonical(value);
  if (!known.delete(text)) return false;
  deleteSeen(place, text, sharedOf(place).length);
  return true;
}

export function sizeOf(place: Place): number {
  return knownElements(place).size;
}

export function hasElement(place: Place, value: Json): boolean {
  return knownElements(place).has(canonical(value));
}

function sharedOf({ doc, key }: Place): SharedArray<Json> {
  return doc.getArray<Json>(key);
}

function elementsOf(place: Place): ReadonlyMap<string, Json> {
  return new Map(sharedOf(place).map((value) => [canonical(value), value]));
}

/** Of the first `among` items. */
function deleteSeen(place: Place, text: string, among: number): void {
  const shared = sharedOf(place);
  const values = shared.toArray();
  for (let at = among - 1; at >= 0; at -= 1) {
    const value = values[at];
    if (value !== undefined && canonical(value) === text) shared.delete(at, 1);
  }
}

/** What is in, by list: to look through all of it for every addition would take the square of its size. */
const KNOWN = new WeakMap<SharedArray<Json>, Set<string>>();

function knownElements(place: Place): Set<string> {
  const shared = sharedOf(place);
  const before = KNOWN.get(shared);
  if (before !== undefined) return before;
  const known = new Set(elementsOf(place).keys());
  KNOWN.set(shared, known);
  const forget = (): void => {
    shared.unobserve(onChange);
    KNOWN.delete(shared);
  };
  // One's own changes are noted as they are made; whatever comes from elsewhere, or resets it, is read again.
  const onChange = (event: { readonly transaction: { readonly local: boolean } }): void => {
    if (!event.transaction.local || shared.length < known.size) forget();
  };
  shared.observe(onChange);
  return known;
}
