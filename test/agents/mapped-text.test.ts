import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Edit, editText, mapText } from '../../src/agents/mapped-text.ts';

/** Some edits of a text of capital letters, in ascending order; what they insert is small. */
const edited = fc.array(
  fc.record({ skip: fc.nat(4), remove: fc.nat(3), insert: fc.constantFrom('', 'x', 'yz') }),
  { maxLength: 20 },
);

test('whatever was left of a text is found at its place, and what came in at the place of its edit', () => {
  fc.assert(
    fc.property(edited, (changes) => {
      const source = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(8);
      const edits: Edit[] = [];
      let at = 0;
      for (const { skip, remove, insert } of changes) {
        edits.push({ at: at + skip, remove, insert });
        at += skip + remove;
      }
      const { text, origin } = editText(mapText(source), edits);
      const isAtHome = [...text].map((character, offset) => {
        const place = origin(offset);
        return character >= 'a' ? edits.some((edit) => edit.at === place) : source[place] === character;
      });
      expect(isAtHome).not.toContain(false);
      expect(origin(text.length)).toBe(source.length);
    }),
  );
});
