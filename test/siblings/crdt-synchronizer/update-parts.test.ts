import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedDocument } from '../../../src/siblings/crdt-synchronizer/document.ts';
import { partsOf } from '../../../src/siblings/crdt-synchronizer/update-parts.ts';
import { heal, operation, Replica } from './replicas.ts';

function blank(): SharedDocument {
  return new SharedDocument({ name: 'd', onUpdate: () => undefined });
}

/** All documents that two writers have made together. */
function documentsOf(steps: readonly (readonly [number, Parameters<Replica['try']>[0]])[]) {
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
          const parts = partsOf(whole, atMost);
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

  test('is of parts of the size that was asked for, as far as its pieces are', () => {
    const one = new Replica(1);
    for (let number = 0; number < 200; number += 1) {
      one.library.mutate({ op: 'insert', path: `d/t${number % 2}`, values: 'x'.repeat(1_000) });
    }
    const whole = one.library.find('d')?.updateSince() ?? new Uint8Array(0);
    const parts = partsOf(whole, 10_000);
    expect(parts.length).toBeGreaterThan(20);
    for (const { length } of parts) expect(length).toBeLessThan(10_500);
    expect(partsOf(whole, whole.length)).toEqual([whole]);
  });
});
