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
