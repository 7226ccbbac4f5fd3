import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Memory } from '../../src/tasks/memory.ts';

test('holds the keys that were new last, whatever was set again meanwhile', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(30), { maxLength: 400 }), (limit, keys) => {
      const memory = new Memory<number>(limit);
      let model: [string, number][] = [];
      keys.forEach((number, value) => {
        const key = `k${number}`;
        const known = model.find(([other]) => other === key);
        if (known === undefined) model = [...model, [key, value] as [string, number]].slice(-limit);
        else known[1] = value;
        memory.set(key, value);
        expect([...memory]).toEqual(model);
        expect([...memory.keys()]).toEqual(model.map(([other]) => other));
        expect([memory.get(key), memory.has(key), memory.has('none')]).toEqual([value, true, false]);
      });
    }),
  );
});
