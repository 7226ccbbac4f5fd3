import { SwarmError } from '../../../protocol/errors.ts';
import { MAX_CRDT_ELEMENTS, MAX_CRDT_TEXT_CHARS } from '../../../protocol/limits.ts';
import { badInput, type DataType, type Json, type Pen } from '../data-type.ts';
import type { Operation } from '../operation.ts';
import type { Place, Replicated } from '../replicated.ts';
import { counter, increment } from './counter.ts';
import { assign, lwwRegister } from './lww-register.ts';
import { addElement, hasElement, orSet, removeElement, sizeOf } from './or-set.ts';
import { insertText, insertValues, lengthOf, removeRange, rgaList, rgaText } from './rga.ts';

/** What stands at the leaves; an or-map is made of them by name. */
export type LeafType = Exclude<DataType, 'or-map'>;

export const LEAF_TYPES: Readonly<Record<LeafType, Replicated>> = {
  'or-set': orSet,
  'rga-list': rgaList,
  'rga-text': rgaText,
  'pn-counter': counter,
  'g-counter': counter,
  'lww-register': lwwRegister,
};

const TYPES_OF: Readonly<Record<Operation['op'], readonly DataType[]>> = {
  create: [...(Object.keys(LEAF_TYPES) as LeafType[]), 'or-map'],
  inc: ['pn-counter', 'g-counter'],
  set: ['lww-register'],
  add: ['or-set'],
  remove: ['or-set'],
  insert: ['rga-list', 'rga-text'],
  cut: ['rga-list', 'rga-text'],
  clear: [...(Object.keys(LEAF_TYPES) as LeafType[]), 'or-map'],
};

/** @throws SwarmError BAD_INPUT when values of that type do not know the operation. */
export function checkKnown({ op }: Operation, type: DataType, where: string): void {
  const types = TYPES_OF[op];
  if (types.includes(type)) return;
  throw badInput(`${where} is of type ${type}; "${op}" is for ${types.join(' and ')}`);
}

export interface Leaf extends Place {
  readonly type: LeafType;
}

/**
 * Carries out an operation that `checkKnown` lets pass. Looks first, and changes then: Yjs takes nothing back.
 *
 * @throws SwarmError BAD_INPUT, LIMIT_EXCEEDED
 */
export function carryOut(leaf: Leaf, operation: Operation, pen: Pen): void {
  switch (operation.op) {
    case 'inc':
      return count(leaf, operation.by, pen);
    case 'set':
      return assign(leaf, operation.value, pen);
    case 'add':
      if (!hasElement(leaf, operation.value)) checkRoom(sizeOf(leaf) + 1, MAX_CRDT_ELEMENTS);
      return addElement(leaf, operation.value);
    case 'remove':
      if (removeElement(leaf, operation.value)) return;
      throw badInput(`there is no ${JSON.stringify(operation.value)} in the set`);
    case 'insert':
      return insert(leaf, operation.values, operation.at);
    case 'cut':
      return removeRange({ ...leaf, isText: leaf.type === 'rga-text' }, operation.at, operation.count);
    case 'clear':
      return LEAF_TYPES[leaf.type].reset(leaf, pen);
    case 'create':
  }
}

function count(leaf: Leaf, by: number, pen: Pen): void {
  if (by < 0 && leaf.type === 'g-counter') throw badInput('a g-counter only grows; a pn-counter may fall');
  increment(leaf, by, pen);
}

function insert(leaf: Leaf, values: string | readonly Json[], at: number | undefined): void {
  const isText = leaf.type === 'rga-text';
  if (isText !== (typeof values === 'string')) {
    throw badInput(`expected ${isText ? 'a text' : 'a list of values'} to insert into an ${leaf.type}`);
  }
  checkRoom(lengthOf({ ...leaf, isText }) + values.length, isText ? MAX_CRDT_TEXT_CHARS : MAX_CRDT_ELEMENTS);
  if (typeof values === 'string') insertText(leaf, values, at);
  else insertValues(leaf, values, at);
}

function checkRoom(length: number, limit: number): void {
  if (length <= limit) return;
  throw new SwarmError(
    'LIMIT_EXCEEDED',
    `it would have ${length} elements or characters; ${limit} is the most`,
  );
}
