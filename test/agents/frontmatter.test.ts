import { describe, expect, test } from 'vitest';
import { lint } from './linting.ts';

const FIELDS = 'name: tester\ndescription: tests';

const LOADED = [
  { why: 'the plain form', text: `---\n${FIELDS}\n---\nBody.\n`, remarks: [] },
  {
    why: 'CRLF is a line end like another',
    text: `---\r\nname: tester\r\ndescription: tests\r\n---\r\nBody.\n`,
    remarks: [],
  },
  {
    why: 'spaces after a fence are not seen in an editor',
    text: `---  \n${FIELDS}\n--- \t\nBody.\n`,
    remarks: [],
  },
  {
    why: 'editors on Windows write a mark',
    text: `\uFEFF---\n${FIELDS}\n---\nBody.\n`,
    remarks: ['1:1 info byte-order-mark'],
  },
  {
    why: 'blank lines come with copy and paste',
    text: `\n \n---\n${FIELDS}\n---\nBody.\n`,
    remarks: ['1:1 warning blank-before-fence'],
  },
  {
    why: 'a mark, then blank lines',
    text: `\uFEFF\r\n---\n${FIELDS}\n---\nBody.\n`,
    remarks: ['1:1 info byte-order-mark', '1:2 warning blank-before-fence'],
  },
  {
    why: 'a file pasted out of a code block',
    text: `    ---\n    name: tester\n    description: tests\n    ---\n    Body.\n`,
    remarks: ['1:1 warning indented-file'],
  },
  {
    why: 'indented by a tab',
    text: `\t---\n\tname: tester\n\tdescription: tests\n\t---\n\tBody.\n`,
    remarks: ['1:1 warning indented-file'],
  },
  {
    why: 'Claude Code ends frontmatter at any line of dashes',
    text: `---\n${FIELDS}\n-------\nBody.\n`,
    remarks: ['4:1 warning fence-trailing'],
  },
];

describe('frontmatter that loads', () => {
  test.each(LOADED)('$why', ({ text, remarks }) => {
    const result = lint(text);
    expect(result.remarks).toEqual(remarks);
    expect(result.definition).toMatchObject({ name: 'tester', description: 'tests', body: 'Body.\n' });
  });

  test('of two frontmatters the first counts, as in Claude Code, and the second stays text', () => {
    const { definition, remarks } = lint(`---\n${FIELDS}\n---\n\n---\nname: inner\n---\nBody.\n`);
    expect(remarks).toEqual(['6:1 warning double-frontmatter']);
    expect(definition?.name).toBe('tester');
    expect(definition?.body).toBe('\n---\nname: inner\n---\nBody.\n');
  });

  test('a rule in the body is no second frontmatter', () => {
    expect(lint(`---\n${FIELDS}\n---\n---\nSome text.\n\n---\n`).remarks).toEqual([]);
  });

  test('a fence inside a script does not close, because it is indented', () => {
    const { definition } = lint(`---\n${FIELDS}\nhooks:\n  pre: |\n    echo a\n    ---\n    echo b\n---\n`);
    expect(definition?.hooks.pre).toEqual(['echo a\n---\necho b\n']);
  });

  test('scripts from a CRLF file have plain line ends, or bash would choke on them', () => {
    const { definition } = lint(
      `---\n${FIELDS}\nhooks:\n  pre: |\n    a\n    b\n---\n`.replaceAll('\n', '\r\n'),
    );
    expect(definition?.hooks.pre).toEqual(['a\nb\n']);
  });
});

const NOT_AGENTS = [
  { why: 'nothing at all', text: '' },
  { why: 'only white space', text: ' \n\t\n' },
  { why: 'a README', text: '# Agents\n\nWhat they do.\n' },
  { why: 'frontmatter as an example further down', text: '# Guide\n\n---\nname: example\n---\n' },
  { why: 'a rule of Markdown at the top', text: '---\n\nSome prose.\n' },
  { why: 'prose between two rules', text: '---\nSome prose.\n---\nMore of it.\n' },
  { why: 'four dashes are a rule, not a fence', text: `----\n${FIELDS}\n----\n` },
  { why: 'a lone fence', text: '---' },
];

describe('files that are not agents', () => {
  test.each(NOT_AGENTS)('$why', ({ text }) => {
    const { definition, remarks } = lint(text);
    expect(definition).toBeUndefined();
    expect(remarks).toEqual([expect.stringMatching(/^\d+:\d+ info no-frontmatter$/)]);
  });
});

const REFUSED = [
  {
    why: 'gray-matter would evaluate this',
    text: `---js\n${FIELDS}\n---\n`,
    remarks: ['1:1 error fence-language'],
  },
  { why: 'and this', text: `--- javascript \n${FIELDS}\n---\n`, remarks: ['1:1 error fence-language'] },
  {
    why: 'JSON is another language too',
    text: '---json\n{"name":"x"}\n---\n',
    remarks: ['1:1 error fence-language'],
  },
  {
    why: 'a language after blank lines and a mark',
    text: '\uFEFF\n---coffee\nx\n---\n',
    remarks: ['2:1 error fence-language'],
  },
  { why: 'keys without an end', text: `---\n${FIELDS}\n\nBody.\n`, remarks: ['1:1 error fence-unclosed'] },
  {
    why: 'no keys between the fences',
    text: '---\n---\nBody.\n',
    remarks: ['2:1 error missing-name', '2:1 warning missing-description'],
  },
  { why: 'a list between the fences', text: '---\n- a\n- b\n---\n', remarks: ['2:1 error not-a-map'] },
  { why: 'NUL in the frontmatter', text: `---\n${FIELDS}\0\n---\n`, remarks: ['3:19 error nul-byte'] },
  { why: 'NUL in the body', text: `---\n${FIELDS}\n---\nBo\0dy`, remarks: ['5:3 error nul-byte'] },
];

describe('files that are refused', () => {
  test.each(REFUSED)('$why', ({ text, remarks }) => {
    const result = lint(text);
    expect(result.definition).toBeUndefined();
    expect(result.remarks).toEqual(remarks);
  });
});
