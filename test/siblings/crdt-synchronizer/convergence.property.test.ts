import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heal, operation, Replica } from './replicas.ts';

const REPLICAS = 4;

const at = fc.nat(REPLICAS - 1);

/** A history: who writes what, and what arrives where in between, in whatever order, again and again or not at all. */
const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), at, operation }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      at,
      from: at,
      pick: fc.nat(),
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compare' as const), at, from: at }) },
);

/** Two sides that hear nothing of each other. */
const cut = fc.array(at, { maxLength: 2 });

describe('replicas of all types', () => {
  test('converge under any order, duplication, loss and partition', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), cut, (steps, apart) => {
        const replicas = Array.from(
          { length: REPLICAS },
          (_, index) => new Replica(index + 1, 1_000 * index),
        );
        for (const one of steps) play(one, replicas, apart);
        heal(replicas);
        for (const replica of replicas) expect(replica.all).toEqual(replicas[0]?.all);
      }),
      { numRuns: 300 },
    );
  });

  test('come to one state from the same updates in any order: they commute, associate and are idempotent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at, operation, hears: at }), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (writes, dice) => {
          const writers = Array.from({ length: REPLICAS }, (_, index) => new Replica(index + 1));
          for (const { at: who, hears, operation: wish } of writes) {
            const source = writers[hears];
            if (source !== undefined && hears !== who) writers[who]?.pull(source);
            writers[who]?.try(wish);
          }
          const updates = writers.flatMap((writer) => writer.updates);
          const inOrder = new Replica(50);
          inOrder.take(updates);
          const shuffled = new Replica(51);
          shuffled.take(shuffle([...updates, ...updates], dice));
          // In groups that were put together before: (a · b) · c is a · (b · c).
          const half = new Replica(52);
          half.take(shuffle(updates.slice(updates.length / 2), dice));
          const grouped = new Replica(53);
          grouped.take(updates.slice(0, updates.length / 2));
          grouped.pull(half);
          half.pull(grouped);
          grouped.take(updates);
          half.take(updates);
          for (const replica of [shuffled, grouped, half]) expect(replica.all).toEqual(inOrder.all);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('keep their digest exactly as long as nothing changes', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const one = new Replica(1);
        for (const wish of operations) {
          const before = JSON.stringify(one.all);
          const root = one.library.root;
          one.try(wish);
          expect(one.library.root === root).toBe(JSON.stringify(one.all) === before);
        }
      }),
      { numRuns: 200 },
    );
  });
});

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

function play(one: Event, replicas: readonly Replica[], apart: readonly number[]): void {
  const here = replicas[one.at];
  if (one.kind === 'write') return void here?.try(one.operation);
  const there = replicas[one.from];
  const isCut = apart.includes(one.at) !== apart.includes(one.from);
  if (here === undefined || there === undefined || one.at === one.from || isCut) return;
  if (one.kind === 'compare') return here.pull(there);
  const first = one.pick % Math.max(1, there.updates.length);
  const picked = there.updates.slice(first, first + 1);
  here.take(one.twice ? [...picked, ...picked] : picked);
}

function shuffle<T>(items: readonly T[], dice: fc.Stream<number>): readonly T[] {
  const keyed = items.map((item) => ({ item, key: dice.next().value ?? 0 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
