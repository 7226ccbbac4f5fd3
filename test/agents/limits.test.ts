import { expect, test } from 'vitest';
import {
  MAX_FRONTMATTER_BLANK_LINES,
  MAX_FRONTMATTER_DEPTH,
  MAX_FRONTMATTER_KEYS,
  MAX_FRONTMATTER_TOKENS,
} from '../../src/protocol/limits.ts';
import { lintFields } from './linting.ts';

const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}: v`);
/** A list in `a`, `depth` collections deep, the top map counted. */
const nested = (depth: number) => `a: ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`;

/** `lintFields` brings two keys of its own. */
const ROWS = [
  { why: 'as many keys as may be', lines: keys(MAX_FRONTMATTER_KEYS - 2), said: [] },
  { why: 'one key more', lines: keys(MAX_FRONTMATTER_KEYS - 1), said: ['error too-complex'] },
  { why: 'a list as deep as may be', lines: [nested(MAX_FRONTMATTER_DEPTH)], said: [] },
  { why: 'a list deeper', lines: [nested(MAX_FRONTMATTER_DEPTH + 1)], said: ['error too-deep'] },
  {
    why: 'few keys, but a list of more words than may be',
    lines: [`a: [${'b,'.repeat(MAX_FRONTMATTER_TOKENS / 2)}]`],
    said: ['error too-complex'],
  },
  {
    why: 'a script with as many blank lines in a row as may be',
    lines: ['a: |', `  x${'\n'.repeat(MAX_FRONTMATTER_BLANK_LINES + 1)}  y`],
    said: [],
  },
  {
    why: 'one blank line more, which gray-matter would pay for',
    lines: ['a: |', `  x${'\n'.repeat(MAX_FRONTMATTER_BLANK_LINES + 2)}  y`],
    said: ['error too-complex'],
  },
];

test.each(ROWS)('$why', ({ lines, said }) => {
  const { definition, remarks } = lintFields(...lines);
  expect(remarks.map((remark) => remark.replace(/^\S+ /, ''))).toEqual(said);
  expect(definition === undefined).toBe(said.length > 0);
});

test('prose with many colons is mended, not taken for nesting', () => {
  const description = 'user: hello assistant: hi '.repeat(30).trim();
  const { definition, remarks } = lintFields(`motto: ${description}`);
  expect(remarks).toEqual(['4:8 warning quoted-scalar']);
  expect(definition?.extra).toEqual({ motto: description });
});

test('what is mended again and again is given up when too much was read', () => {
  // One pass mends a hundred values, and then the whole is parsed again.
  const broken = (count: number) => Array.from({ length: count }, (_, i) => `k${i}: a: b`);
  expect(lintFields(...broken(110)).definition).toBeDefined();
  expect(lintFields(...broken(MAX_FRONTMATTER_KEYS / 2 - 10)).remarks).toEqual(
    expect.arrayContaining([expect.stringMatching(/error yaml-syntax$/)]),
  );
});
