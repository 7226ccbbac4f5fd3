import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyUpdate, Doc, encodeStateAsUpdate, mergeUpdates } from 'yjs';
import { SharedDocument } from '../../../src/siblings/crdt-synchronizer/document.ts';
import type { Operation } from '../../../src/siblings/crdt-synchronizer/operation.ts';
import { checkUpdate, isStateVector } from '../../../src/siblings/crdt-synchronizer/update-shape.ts';
import { heal, operation, Replica } from './replicas.ts';

/** 200 bytes that say they hold 13 million pieces: Yjs makes room for them, which takes it some 60 ms each time. */
const CLAIMS_MILLIONS = Buffer.from(
  'Ae+7vwbQ86TOAgAoAQZzY2gAbWEBYQF3Bm9yLXNldCgBAXgBawF2AQFhfQEEAQF0AmhlgdDzpM4CAwOE0POkzgIGBiB3b3JsZAgBAXEDfQF9AncFdGhyZWXQ86TOAgMDhNDzpM4CBgYgd29ybGQIAQFxA30BfQJ3BXRocmVlAdDzpM4CAQQD',
  'base64',
);

function blank(): SharedDocument {
  return new SharedDocument({ name: 'd', onUpdate: () => undefined });
}

/** All that two who carry out `steps` send each other, or would if something was lost on the way. */
function updatesOf(steps: readonly (readonly [number, Operation])[]): readonly Uint8Array[] {
  const replicas = [new Replica(1), new Replica(2)];
  for (const [at, wish] of steps) replicas[at]?.try(wish);
  const made = replicas.flatMap(({ updates }) => updates);
  const names = [...new Set(made.map(([name]) => name))];
  heal(replicas);
  const documents = replicas.flatMap(({ library }) =>
    library.names.flatMap((name) => library.find(name) ?? []),
  );
  for (const { stateVector } of documents) expect(isStateVector(stateVector)).toBe(true);
  return [
    ...names.flatMap((name) => withGaps(made.flatMap(([one, update]) => (one === name ? [update] : [])))),
    ...documents.map((document) => document.updateSince()),
  ];
}

function withGaps(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  const gapped = new Doc();
  for (const update of updates.slice(1)) applyUpdate(gapped, update);
  return [...updates, mergeUpdates([...updates]), encodeStateAsUpdate(gapped)];
}

/** An update of one piece: a first byte, and what follows it. */
const piece = (...bytes: readonly number[]): Uint8Array => Uint8Array.from([1, 1, 1, 0, ...bytes, 0]);

describe('an update', () => {
  test('that claims more than it can hold is refused before room is made for it', () => {
    expect(() => blank().apply(CLAIMS_MILLIONS)).toThrow(
      expect.objectContaining({
        code: 'MALFORMED',
        message: expect.stringMatching(
          /document d cannot be read: it says that 136\d{5} follow, and has 1\d\d bytes/,
        ),
      }),
    );
  });

  test.each([
    { why: 'clients', bytes: [9] },
    { why: 'pieces', bytes: [1, 9, 1, 0, 0, 1, 0] },
    { why: 'clients that delete', bytes: [0, 9] },
    { why: 'deletions', bytes: [0, 1, 1, 9, 0, 1] },
    { why: 'values', bytes: [...piece(8, 1, 1, 97, 9, 126)] },
    { why: 'elements of a value', bytes: [...piece(8, 1, 1, 97, 1, 117, 9)] },
    { why: 'fields of a value', bytes: [...piece(8, 1, 1, 97, 1, 118, 9)] },
  ])('has as many $why as it says', ({ bytes }) => {
    expect(() => checkUpdate(Uint8Array.from(bytes))).toThrow(/it says that 9 follow/);
  });

  test.each([
    { why: 'another document in it', bytes: piece(9, 1, 1, 97, 1, 97, 126), says: 'kind 9' },
    { why: 'a shared type in it', bytes: piece(7, 1, 1, 97, 0), says: 'kind 7' },
    { why: 'a piece of no length', bytes: piece(0, 0), says: 'no length' },
    { why: 'a number beyond all', bytes: new Uint8Array(12).fill(255), says: 'too large' },
    {
      why: 'a value too deep',
      bytes: piece(8, 1, 1, 97, 1, ...Array(40).fill([117, 1]).flat(), 126),
      says: 'levels',
    },
    { why: 'something behind it', bytes: Uint8Array.from([0, 0, 0]), says: 'follow its end' },
    { why: 'nothing', bytes: new Uint8Array(), says: 'cut off' },
  ])('with $why is none', ({ bytes, says }) => {
    expect(() => checkUpdate(bytes)).toThrow(says);
  });

  test('of which the end is missing changes nothing', () => {
    const from = new Replica(1);
    from.try({ op: 'add', path: 'd', value: 'a' });
    from.try({ op: 'remove', path: 'd', value: 'a' });
    const whole = from.library.find('d')?.updateSince() ?? new Uint8Array();
    for (let end = 0; end < whole.length; end += 1) {
      const document = blank();
      expect(() => document.apply(whole.subarray(0, end))).toThrow('cannot be read');
      expect(document.isBlank).toBe(true);
    }
  });

  test('that documents here have made is one, alone, in one piece with others, and with gaps', () => {
    const script = fc.array(fc.tuple(fc.nat(1), operation), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(script, (steps) => {
        for (const update of updatesOf(steps)) checkUpdate(update);
      }),
    );
  });
});

test.each([
  { why: 'more clients than it has', bytes: [9, 1, 1] },
  { why: 'no clock', bytes: [1, 1] },
  { why: 'something behind it', bytes: [0, 0] },
  { why: 'nothing', bytes: [] },
])('clocks with $why are none', ({ bytes }) => {
  expect(isStateVector(Uint8Array.from(bytes))).toBe(false);
});
