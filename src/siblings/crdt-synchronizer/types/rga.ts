import type { Array as SharedArray, Text as SharedText } from 'yjs';
import { badInput, type Json } from '../data-type.ts';
import type { Place, Replicated } from '../replicated.ts';

/**
 * Sequences in which what is inserted keeps its place between its neighbours (RGA; Yjs' algorithm is YATA): two who
 * insert at one place at once both find theirs in one order everywhere, and runs do not mix.
 */
export const rgaList: Replicated = {
  read: (place) => listOf(place).toArray(),
  isEmpty: (place) => listOf(place).length === 0,
  reset: (place) => listOf(place).delete(0, listOf(place).length),
};

export const rgaText: Replicated = {
  read: (place) => textOf(place).toString(),
  isEmpty: (place) => textOf(place).length === 0,
  reset: (place) => textOf(place).delete(0, textOf(place).length),
};

/** @throws SwarmError BAD_INPUT when `at` lies outside; negative counts from the end, undefined is the end. */
export function insertValues(place: Place, values: readonly Json[], at: number | undefined): void {
  const list = listOf(place);
  list.insert(positionIn(list.length, at), [...values]);
}

/** `at` in UTF-16 units, as JavaScript counts. @throws SwarmError BAD_INPUT */
export function insertText(place: Place, text: string, at: number | undefined): void {
  const shared = textOf(place);
  shared.insert(positionIn(shared.length, at), text);
}

/** @throws SwarmError BAD_INPUT when there is not so much there. */
export function removeRange(place: Place & { readonly isText: boolean }, at: number, count: number): void {
  const shared = place.isText ? textOf(place) : listOf(place);
  const from = positionIn(shared.length, at);
  if (from + count > shared.length) {
    throw badInput(`${count} from position ${from} on were to go, and there are ${shared.length}`);
  }
  shared.delete(from, count);
}

export function lengthOf(place: Place & { readonly isText: boolean }): number {
  return place.isText ? textOf(place).length : listOf(place).length;
}

function positionIn(length: number, at: number | undefined): number {
  const position = at === undefined ? length : at < 0 ? length + at : at;
  if (position >= 0 && position <= length) return position;
  throw badInput(`position ${at} lies outside: there are ${length}`);
}

function listOf({ doc, key }: Place): SharedArray<Json> {
  return doc.getArray<Json>(key);
}

function textOf({ doc, key }: Place): SharedText {
  return doc.getText(key);
}
