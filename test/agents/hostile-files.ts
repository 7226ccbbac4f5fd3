/** Agent files made to hurt their reader, and what must be said about each. */
export interface HostileFile {
  readonly name: string;
  /** Severity and code of each remark. */
  readonly said: readonly string[];
  readonly text: () => string;
}

const DEPTH = 10_000;

const withFields = (...lines: string[]) =>
  ['---', 'name: hostile', 'description: d', ...lines, '---', ''].join('\n');

/** Each alias doubles ten times what the one before it holds. */
function aliasBomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `b${i + 1}: &b${i + 1} [${Array(10).fill(`*b${i}`).join(', ')}]`,
  );
  return withFields('b0: &b0 [lol]', ...levels);
}

/** Maps inside each other by one more space a line, as deep as the frontmatter bound lets them be. */
function stairs(): string {
  return withFields(...Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`));
}

export const HOSTILE_FILES: readonly HostileFile[] = [
  {
    name: 'flow-lists',
    said: ['error too-deep'],
    text: () => withFields(`a: ${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`),
  },
  {
    name: 'flow-maps',
    said: ['error too-deep'],
    text: () => withFields(`a: ${'{a: '.repeat(DEPTH)}b${'}'.repeat(DEPTH)}`),
  },
  { name: 'block-lists', said: ['error too-deep'], text: () => withFields('a:', `  ${'- '.repeat(DEPTH)}b`) },
  {
    name: 'explicit-keys',
    said: ['error too-deep'],
    text: () => withFields('a:', `  ${'? '.repeat(DEPTH)}b`),
  },
  { name: 'chained-keys', said: ['error too-deep'], text: () => withFields(`a: ${'b: '.repeat(DEPTH)}c`) },
  { name: 'stairs', said: ['error too-deep'], text: stairs },
  { name: 'alias-bomb', said: Array<string>(5).fill('error alias-refused'), text: aliasBomb },
  {
    name: 'many-keys',
    said: ['error too-complex'],
    text: () => withFields(...Array.from({ length: 4_000 }, (_, i) => `k${i}: v`)),
  },
  {
    name: 'many-items',
    said: ['error too-complex'],
    text: () => withFields('a:', ...Array<string>(8_000).fill('  - b')),
  },
  { name: 'commas', said: ['error too-complex'], text: () => withFields(`a: [${','.repeat(40_000)}]`) },
  { name: 'blank-lines', said: ['error too-complex'], text: () => withFields('\n'.repeat(40_000)) },
  {
    name: 'indented-lines',
    said: ['error too-complex'],
    text: () => ` ---\n name: hostile\n ---\n${' x\n'.repeat(100_000)}`,
  },
  { name: 'nul', said: ['error nul-byte'], text: () => withFields('color: re\0d') },
  {
    name: 'five-megabytes',
    said: ['error too-large'],
    text: () => withFields() + 'x'.repeat(5 * 1024 * 1024),
  },
  {
    name: 'long-frontmatter',
    said: ['error too-large'],
    text: () => withFields(`a: ${'x'.repeat(300 * 1024)}`),
  },
  { name: 'prototype', said: ['error unsafe-key'], text: () => withFields('__proto__: {polluted: true}') },
  {
    name: 'constructor',
    said: ['error unsafe-key', 'error unsafe-key'],
    text: () => withFields('constructor: {prototype: {polluted: true}}'),
  },
  { name: 'script-tag', said: ['error fence-language'], text: () => script('---js') },
  { name: 'script-tag-spaced', said: ['error fence-language'], text: () => script('--- javascript') },
  { name: 'script-tag-marked', said: ['error fence-language'], text: () => script('\uFEFF---js') },
];

/** Writes a file into the current folder if it is ever evaluated. */
function script(fence: string): string {
  return `${fence}\n{ name: require('node:fs').writeFileSync('EVALUATED', '') || 'x' }\n---\n`;
}
