import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareSlots, OrderedSet, type Slot } from '../../src/tasks/ordered-set.ts';

const anySlot = fc
  .record({ major: fc.nat(5), minor: fc.nat(400) })
  .map(({ major, minor }): Slot => ({ major, minor, id: `${major}/${minor}` }));
const step = fc.record({ kind: fc.constantFrom('add', 'add', 'delete'), slot: anySlot });

test('behaves as a sorted list of distinct slots', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, size: 'max' }), (steps) => {
      const set = new OrderedSet();
      const model = new Map<string, Slot>();
      for (const { kind, slot } of steps) {
        const isNew = !model.has(slot.id);
        if (kind === 'add') model.set(slot.id, slot);
        else model.delete(slot.id);
        const changed = kind === 'add' ? set.add(slot) : set.delete(slot);
        expect(changed).toBe(isNew === (kind === 'add'));
      }
      const sorted = [...model.values()].sort(compareSlots);
      expect([...set]).toEqual(sorted);
      expect([set.size, set.first(), set.last()]).toEqual([sorted.length, sorted[0], sorted.at(-1)]);
    }),
    { numRuns: 30 },
  );
});

test.each([
  { why: 'from the front', next: (set: OrderedSet) => set.first(), from: 1, to: 2_000 },
  { why: 'from the back', next: (set: OrderedSet) => set.last(), from: 2_000, to: 1 },
])('is emptied in order $why', ({ next, from, to }) => {
  const set = new OrderedSet();
  for (let minor = 1; minor <= 2_000; minor++) set.add({ major: 0, minor, id: `${minor}` });
  const taken: number[] = [];
  for (let slot = next(set); slot !== undefined; slot = next(set)) {
    set.delete(slot);
    taken.push(slot.minor);
  }
  expect([set.size, taken.length, taken[0], taken[1_999]]).toEqual([0, 2_000, from, to]);
});
