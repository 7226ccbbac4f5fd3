import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedDocument } from '../../../src/siblings/crdt-synchronizer/document.ts';
import { covers } from '../../../src/siblings/crdt-synchronizer/stability.ts';
import { partsOf } from '../../../src/siblings/crdt-synchronizer/update-parts.ts';
import { heal, operation, Replica } from './replicas.ts';

function blank(): SharedDocument {
  return new SharedDocument({ name: 'd', onUpdate: () => undefined });
}

type Steps = readonly (readonly [number, Parameters<Replica['try']>[0]])[];

function play([one, other]: readonly [Replica, Replica], steps: Steps): void {
  for (const [at, wish] of steps) {
    (at === 0 ? one : other).try(wish);
    one.pull(other);
  }
}

const NOTHING = Uint8Array.from([0, 0]);

/** Gives `copy` some of the parts of what it lacks. They are made anew for each answer, and what is there may have changed meanwhile. */
function interrupt(
  document: SharedDocument,
  copy: SharedDocument,
  { atMost, cut, meanwhile }: { readonly atMost: number; readonly cut: number; meanwhile(): void },
): void {
  const { vector: upto } = document;
  const { stateVector } = copy;
  const parts = partsOf(document.updateSince(stateVector), { atMost, upto });
  const end = cut % (parts.length + 1);
  const middle = Math.ceil(end / 2);
  for (const part of parts.slice(0, middle)) copy.apply(part);
  meanwhile();
  const later = partsOf(document.updateSince(stateVector), { atMost, upto });
  for (const part of later.slice(middle, end)) copy.apply(part);
}

/** All documents that two writers have made together. */
function documentsOf(steps: Steps) {
  const replicas = [new Replica(1), new Replica(2)] as const;
  for (const [at, wish] of steps) {
    replicas[at]?.try(wish);
    if (at === 1) replicas[1].pull(replicas[0]);
  }
  heal(replicas);
  const { library } = replicas[0];
  return library.names.flatMap((name) => library.find(name) ?? []);
}

describe('an update in parts', () => {
  test('says the same as in one piece, whatever the order of the parts, and if some come twice', () => {
    const steps = fc.array(fc.tuple(fc.nat(1), operation), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 300 }), fc.nat(), (wishes, atMost, turn) => {
        for (const document of documentsOf(wishes)) {
          const whole = document.updateSince();
          const parts = partsOf(whole, { atMost, upto: document.vector });
          const first = turn % parts.length;
          const mixed = [...parts.slice(first), ...parts.slice(0, first), ...parts].reverse();
          for (const order of [parts, mixed]) {
            const copy = blank();
            for (const part of order) copy.apply(part);
            expect(copy.digest).toBe(document.digest);
            expect(copy.peek([])).toEqual(document.peek([]));
            expect(copy.updateSince().length).toBe(whole.length);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('may end anywhere: what is compared then brings the rest, deletions with it', () => {
    const steps = (maxLength: number) => fc.array(fc.tuple(fc.nat(1), operation), { maxLength });
    const half = fc.tuple(steps(20), steps(8), steps(2), fc.nat(), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(half, ([before, between, after, cut, atMost]) => {
        const replicas = [new Replica(1), new Replica(2)] as const;
        play(replicas, before);
        const { library } = replicas[0];
        const former = new Map(library.names.map((name) => [name, library.find(name)?.updateSince()]));
        play(replicas, between);
        for (const name of library.names) {
          const document = library.find(name) ?? blank();
          const copy = blank();
          copy.apply(former.get(name) ?? NOTHING);
          interrupt(document, copy, { cut, atMost, meanwhile: () => play(replicas, after) });
          // Whoever has all clocks is given nothing.
          if (!covers(copy.vector, document.vector)) copy.apply(document.updateSince(copy.stateVector));
          expect(copy.digest).toBe(document.digest);
          expect(copy.peek([])).toEqual(document.peek([]));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('is of parts of the size that was asked for, as far as its pieces are', () => {
    const one = new Replica(1);
    for (let number = 0; number < 200; number += 1) {
      one.library.mutate({ op: 'insert', path: `d/t${number % 2}`, values: 'x'.repeat(1_000) });
    }
    const whole = one.library.find('d')?.updateSince() ?? new Uint8Array(0);
    const upto = one.library.find('d')?.vector ?? new Map();
    const parts = partsOf(whole, { atMost: 10_000, upto });
    expect(parts.length).toBeGreaterThan(20);
    for (const { length } of parts) expect(length).toBeLessThan(10_500);
    expect(partsOf(whole, { atMost: whole.length, upto })).toEqual([whole]);
  });
});
