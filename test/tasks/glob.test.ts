import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayMean, normalisePattern, patternsOverlap } from '../../src/tasks/glob.ts';

describe('overlap', () => {
  test.each([
    { why: 'a path overlaps itself', a: 'src/a.ts', b: 'src/a.ts', overlap: true },
    { why: 'two files of one folder do not', a: 'src/a.ts', b: 'src/b.ts', overlap: false },
    { why: 'a folder covers what is in it', a: 'src', b: 'src/tasks/a.ts', overlap: true },
    { why: 'a folder is no prefix of a name', a: 'src', b: 'srcs/a.ts', overlap: false },
    { why: 'a star stays within its folder', a: 'src/*', b: 'src/tasks/a.ts', overlap: false },
    { why: 'two stars go on', a: 'src/**', b: 'src/tasks/a.ts', overlap: true },
    { why: 'two stars may stand for nothing', a: 'src/**/a.ts', b: 'src/a.ts', overlap: true },
    { why: 'endings differ', a: '**/*.md', b: 'src/**/*.ts', overlap: false },
    { why: 'beginnings differ', a: 'src/**', b: 'test/**', overlap: false },
    { why: 'prefix and suffix of one name could meet', a: 'a*', b: '*b', overlap: true },
    { why: 'a name shorter than the other asks for', a: 'ab*ba', b: 'aba', overlap: false },
    { why: 'a question mark is any one character', a: 'a?c', b: 'abc', overlap: true },
    { why: 'and no fewer', a: 'a?c', b: 'ac', overlap: false },
    { why: 'an escaped letter is the letter', a: '\\a', b: 'a', overlap: true },
    { why: 'a class is not looked into', a: 'src/[ab].ts', b: 'src/c.ts', overlap: true },
    { why: 'alternatives are not either', a: 'src/{a,b}/c', b: 'src/x', overlap: true },
    { why: 'but what stands before them is', a: 'src/{a,b}/c', b: 'test/x', overlap: false },
    { why: 'a negation may mean anything', a: '!src/**', b: 'test/x', overlap: true },
    { why: 'some file systems ignore case', a: 'README.md', b: 'readme.md', overlap: true },
    { why: 'merge is one right', a: 'merge', b: 'merge', overlap: true },
    { why: 'and no path', a: 'merge', b: '**', overlap: false },
    { why: 'a file of that name is', a: './merge', b: '**', overlap: true },
  ])('$why: $a and $b', ({ a, b, overlap }) => {
    expect(patternsOverlap(a, b)).toBe(overlap);
    expect(patternsOverlap(b, a)).toBe(overlap);
  });

  const piece = fc.constantFrom('a', 'b', 'A', '*', '?', '.', '[ab]', '{a,b/c}', '\\*', '\\a');
  const name = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
  const pattern = fc
    .array(fc.oneof({ weight: 3, arbitrary: name }, { weight: 1, arbitrary: fc.constant('**') }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join('/'));
  const pathName = fc
    .array(fc.constantFrom('a', 'b', 'c', '.', '*'), { minLength: 1, maxLength: 3 })
    .map((chars) => chars.join(''))
    // These are no names of files.
    .filter((text) => text !== '.' && text !== '..');
  const path = fc.array(pathName, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

  test('is never missed where one path is matched by both', () => {
    let both = 0;
    fc.assert(
      fc.property(pattern, pattern, fc.array(path, { minLength: 20, maxLength: 20 }), (a, b, paths) => {
        for (const candidate of paths) {
          if (!matches(a, candidate) || !matches(b, candidate)) continue;
          both++;
          expect(patternsOverlap(a, b), `${a} and ${b} both match ${candidate}`).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(both).toBeGreaterThan(200);
  });
});

describe('one spelling', () => {
  test.each([
    { why: 'dots and double slashes say nothing', text: './src//a/./b.ts', normal: 'src/a/b.ts' },
    { why: 'a trailing slash means the folder', text: 'src/', normal: 'src/**' },
    { why: 'decomposed letters are composed', text: 'cafe\u0301', normal: 'caf\u00e9' },
    { why: 'merge stays what it is', text: 'merge', normal: 'merge' },
    { why: 'a file called merge stays a file', text: './merge', normal: './merge' },
    { why: 'absolute', text: '/etc/passwd', normal: undefined },
    { why: 'a drive', text: 'C:/x', normal: undefined },
    { why: 'out of the repository', text: 'src/../../x', normal: undefined },
    { why: 'nothing', text: './', normal: '**' },
    { why: 'empty', text: '', normal: undefined },
    { why: 'NUL', text: 'a\0b', normal: undefined },
  ])('$why: $text', ({ text, normal }) => {
    expect(normalisePattern(text)).toBe(normal);
  });
});

/** A plain matcher, written for this test: translates a pattern into a regular expression. */
function matches(pattern: string, path: string): boolean {
  return alternatives(pattern).some((plain) => {
    const parts = plain.split('/').map((part) => (part === '**' ? '**' : nameExpression(part)));
    let source = '';
    parts.forEach((part, at) => {
      const isLast = at === parts.length - 1;
      if (part === '**') source += isLast ? '(?:.*)' : '(?:[^/]+/)*';
      else source += part + (isLast ? '' : '/');
    });
    return new RegExp(`^${source}$`, 'i').test(path);
  });
}

function alternatives(pattern: string): readonly string[] {
  const found = /^(.*?)\{([^{}]*)\}(.*)$/.exec(pattern);
  if (found === null) return [pattern];
  const [, before = '', inner = '', after = ''] = found;
  return inner.split(',').flatMap((choice) => alternatives(before + choice + after));
}

function nameExpression(part: string): string {
  return part.replace(/\\[*a]|\[ab\]|[*?.]/g, (token) => {
    if (token === '\\a') return 'a';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token === '[ab]') return '[ab]';
    return token === '.' ? '\\.' : '\\*';
  });
}

describe('a file that is about to be written', () => {
  test.each([
    { why: 'it is named', pattern: 'src/a.ts', path: 'src/a.ts', meant: true },
    { why: 'its folder is', pattern: 'src', path: 'src/deep/a.ts', meant: true },
    { why: 'it is another one', pattern: 'src/a.ts', path: 'src/b.ts', meant: false },
    {
      why: 'it is the folder of what is named, and no folder',
      pattern: 'src/a/b.ts',
      path: 'src/a',
      meant: false,
    },
    { why: 'its brackets are its own', pattern: 'app/x.ts', path: 'app/[id].ts', meant: false },
    { why: 'so are its stars', pattern: 'app/x.ts', path: 'app/*', meant: false },
    { why: 'and what looks like alternatives', pattern: 'app/a', path: 'app/{a,b}', meant: false },
    { why: 'a star means it all the same', pattern: 'app/*.ts', path: 'app/[id].ts', meant: true },
    { why: 'some file systems ignore case', pattern: 'README.md', path: 'readme.md', meant: true },
    { why: 'two spellings of one name', pattern: 'caf\u00e9', path: 'cafe\u0301', meant: true },
    { why: 'merge is a right', pattern: 'merge', path: 'merge', meant: false },
    { why: 'a file of that name is none', pattern: './merge', path: 'merge', meant: true },
  ])('$why: $pattern means $path: $meant', ({ pattern, path, meant }) => {
    expect(mayMean(pattern, path)).toBe(meant);
  });
});
