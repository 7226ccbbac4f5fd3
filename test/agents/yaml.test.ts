import { describe, expect, test } from 'vitest';
import { lintAgent } from '../../src/agents/lint.ts';
import { lint, lintFields } from './linting.ts';

/** `value` is written after `description: ` in line 3, column 14. */
const QUOTED = [
  { why: 'a colon in a sentence', value: 'Use this: now user: "help" \'me\'' },
  { why: 'backslashes stay as they are', value: 'Example: a\\nb and C:\\new: done' },
  { why: 'a reserved sign at the start', value: '@reviewer is asked' },
  { why: 'a code span at the start', value: '`npm test` first' },
  { why: 'text that begins like a list', value: '[file] [options]' },
  { why: 'text that begins with a quoted word', value: '"Review" the change' },
  { why: 'text that begins like an alias', value: '*.js files' },
  { why: 'a folded value that is none', value: '>50% faster: yes' },
  { why: 'a dash that is no list', value: '- careful' },
];

describe('a top-level value that YAML refuses is read as text, as in Claude Code', () => {
  test.each(QUOTED)('$why', ({ value }) => {
    const { definition, remarks } = lint(`---\nname: x\ndescription: ${value}\ncolor: red\n---\n`);
    expect(remarks).toEqual(['3:14 warning quoted-scalar']);
    expect(definition).toMatchObject({ description: value, color: 'red' });
  });

  test('several values, each reported at its place', () => {
    const { definition, remarks } = lint('---\nname: x\ndescription: a: b\ntools: *\nmotto: c: d\n---\n');
    expect(remarks).toEqual([
      '3:14 warning quoted-scalar',
      '4:8 warning quoted-scalar',
      '5:8 warning quoted-scalar',
    ]);
    expect(definition).toMatchObject({ description: 'a: b', extra: { motto: 'c: d' } });
    expect(definition?.tools.allowed).toBeUndefined();
  });

  test('the lines that continue a value belong to it', () => {
    const { definition, remarks } = lint(
      "---\nname: x\ndescription: Use it\n  when: it's late\n\ncolor: red\n---\n",
    );
    expect(remarks).toEqual(['3:14 warning quoted-scalar']);
    expect(definition).toMatchObject({ description: "Use it when: it's late", color: 'red' });
  });

  test('places behind a repair are those of the file, not of the mended text', () => {
    const { remarks } = lint("---\nname: x\ndescription: it's: late\npriority: soon\n---\n");
    expect(remarks).toEqual(['3:14 warning quoted-scalar', '4:11 warning unknown-priority']);
  });

  test('places in an indented file too', () => {
    const { remarks } = lint('\n  ---\n  name: x\n  description: a: b\n  priority: soon\n  ---\n');
    expect(remarks).toEqual([
      '1:1 warning blank-before-fence',
      '2:1 warning indented-file',
      '4:16 warning quoted-scalar',
      '5:13 warning unknown-priority',
    ]);
  });
});

describe('tabs', () => {
  test('as indentation count as two spaces', () => {
    const { definition, remarks } = lintFields(
      'capabilities:',
      '\t- a',
      '\t- b',
      'hooks:',
      '\tpre: |',
      '\t\techo hi',
    );
    expect(remarks).toEqual(['5:1 warning tab-indentation']);
    expect(definition).toMatchObject({ capabilities: ['a', 'b'], hooks: { pre: ['echo hi\n'] } });
  });

  test('inside a script are left alone', () => {
    const { definition, remarks } = lintFields(
      'hooks:',
      '  pre: |',
      '    if x; then',
      '    \techo hi',
      '    fi',
    );
    expect(remarks).toEqual([]);
    expect(definition?.hooks.pre).toEqual(['if x; then\n\techo hi\nfi\n']);
  });
});

const SYNTAX = [
  {
    why: 'a list that never ends is not text',
    lines: ['tools: [Read, Grep'],
    remarks: ['5:1 error yaml-syntax'],
  },
  { why: 'a quote that never ends', lines: ['color: "red'], remarks: ['5:1 error yaml-syntax'] },
  { why: 'a line that is no key', lines: ['Some words', 'color: red'], remarks: ['4:1 error yaml-syntax'] },
  {
    why: 'nested values are not mended',
    lines: ['meta:', '  motto: a: b'],
    remarks: ['5:10 error yaml-syntax'],
  },
  {
    why: 'an alias is never followed',
    lines: ['a: &x [1]', 'b: [*x, *x]'],
    remarks: ['5:5 error alias-refused'],
  },
  {
    why: 'an unquoted pattern in a list',
    lines: ['files:', '  - *.js'],
    remarks: ['5:5 error alias-refused'],
  },
  { why: 'a list is no key', lines: ['? [a]', ': b'], remarks: ['4:3 error yaml-syntax'] },
  {
    why: 'an early end would lose the hooks',
    lines: ['...', 'hooks:', '  pre: x'],
    remarks: ['4:1 error yaml-syntax'],
  },
  {
    why: 'keys that reach a prototype',
    lines: ['__proto__:', '  isAdmin: true'],
    remarks: ['4:1 error unsafe-key'],
  },
  { why: 'at any depth', lines: ['a:', '  - constructor: b'], remarks: ['5:5 error unsafe-key'] },
];

describe('YAML that is refused', () => {
  test.each(SYNTAX)('$why', ({ lines, remarks }) => {
    const result = lintFields(...lines);
    expect(result.remarks).toEqual(remarks);
    expect(result.definition).toBeUndefined();
  });
});

describe('YAML that is remarked upon', () => {
  test('of a duplicate key the last value counts', () => {
    const { definition, remarks } = lintFields('color: red', 'color: blue', 'meta:', '  a: 1', '  a: 2');
    expect(remarks).toEqual(['5:1 warning duplicate-key', '8:3 warning duplicate-key']);
    expect(definition).toMatchObject({ color: 'blue', extra: { meta: { a: 2 } } });
  });

  test('a tag makes nothing', () => {
    const { definition, remarks } = lintFields('color: !!js/function "red"');
    expect(remarks).toEqual(['4:8 warning yaml-tag']);
    expect(definition?.color).toBe('red');
  });

  test('only the core schema: no dates, no yes and no', () => {
    const { definition } = lintFields('created: 2025-01-02', 'on: yes', '<<: {a: b}');
    expect(definition?.extra).toEqual({ created: '2025-01-02', on: 'yes', '<<': { a: 'b' } });
  });
});

test('a message never carries control characters to the terminal', () => {
  const { diagnostics } = lintAgent({
    path: 'a.md',
    sha256: '',
    text: '---\nname: x\ntools: [*\u001b[31m]\n---\n',
  });
  expect(diagnostics.map(({ message }) => message).join()).toContain('\\x1b');
  expect(JSON.stringify(diagnostics)).not.toContain('\\u001b');
});
