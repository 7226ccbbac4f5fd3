import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lintAgent } from '../../src/agents/lint.ts';

/** Pieces that YAML, the fences and the repairs care about, in any order. */
const signs = [
  '---',
  '\n',
  '\r\n',
  ' ',
  '  ',
  '\t',
  'name: x',
  'tools:',
  'hooks:',
  'pre: |',
  '- ',
  '? ',
  ': ',
  '[',
  ']',
  '{',
  '}',
];
const words = [
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!t ',
  '|',
  '>',
  '%YAML 1.1',
  '...',
  '\uFEFF',
  '\0',
  '\\',
  ',',
  '__proto__: 1',
  'é🗳️',
];
const pieces = fc.array(fc.constantFrom(...signs, ...words), { maxLength: 60 }).map((list) => list.join(''));
const yamlLike = pieces.map((text) => `---\nname: x\n${text}\n---\nbody`);

test('any text is linted: no throw, every place inside the file, an error means no definition', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), pieces, yamlLike), (text) => {
      const { definition, diagnostics } = lintAgent({ path: 'a.md', text, sha256: '' });
      const lines = text.split('\n');
      for (const { line, column } of diagnostics) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
      }
      const isRefused = diagnostics.some(({ severity }) => severity === 'error');
      const isNoAgent = diagnostics.some(({ code }) => code === 'no-frontmatter');
      expect(definition === undefined).toBe(isRefused || isNoAgent);
      expect(lintAgent({ path: 'a.md', text, sha256: '' })).toEqual({ definition, diagnostics });
    }),
    { numRuns: 3000, verbose: 1 },
  );
});

test('what JSON can say in quotes, frontmatter reads back unchanged', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (description, items) => {
      const text = `---\nname: x\ndescription: ${JSON.stringify(description)}\nitems: ${JSON.stringify(items)}\n---\n`;
      const { definition } = lintAgent({ path: 'a.md', text, sha256: '' });
      expect(definition?.description).toBe(description.trim());
      expect(definition?.extra).toEqual({ items });
    }),
    { verbose: 1 },
  );
});
