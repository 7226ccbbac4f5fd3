import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { playStory } from './interpreter.ts';

// Each test/scenarios/*.txt is one test: a story, told by commands and what came of them. To write down anew what
// comes of them, and then read the difference:
//
//   UPDATE_SCENARIOS=1 npx vitest run --project unit test/scenarios
const isUpdate = process.env.UPDATE_SCENARIOS === '1';

const FOLDER = new URL('./', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
const read = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

describe('scenarios', () => {
  test.each(files)('%s', (file) => {
    const played = playStory(`test/scenarios/${file}`, read(file));
    if (isUpdate) writeFileSync(new URL(file, FOLDER), played);
    expect(played).toBe(read(file));
  });

  test.each(files)('%s names its source', (file) => {
    const [story] = read(file).split('\n\n');
    expect(story).toMatch(/§|pitfalls? \d/i);
  });

  test('use every command there is', () => {
    const all = files.map(read).join('\n');
    const unused = Object.keys(COMMANDS).filter(
      (name) => !new RegExp(`^(quietly )?${name}( |$)`, 'm').test(all),
    );
    expect(unused).toEqual([]);
  });
});

describe('the interpreter', () => {
  const told = (...lines: readonly string[]): string =>
    playStory('a.txt', ['# A story.', '', ...lines, ''].join('\n'));

  test('writes what came of a block in the place of what was expected', () => {
    expect(told('cluster n1', 'elect n1', 'state', '----', 'n1 is in bed')).toBe(
      [
        '# A story.',
        '',
        'cluster n1',
        'elect n1',
        'state',
        '----',
        'n1 stood for election at term 1',
        'n1 became leader at term 1',
        'n1 committed 1',
        'n1 leader at term 1, log 1, committed 1',
        '',
      ].join('\n'),
    );
  });

  test('says when nothing came of it, and keeps quiet when told to', () => {
    expect(told('cluster n1', 'quietly elect n1', '----')).toContain('----\nnothing to see\n');
  });

  test.each([
    {
      why: 'unknown command',
      lines: ['cluster n1', 'elekt n1'],
      error: /^a\.txt:4: elekt n1\nthere is no command elekt/,
    },
    {
      why: 'unknown node',
      lines: ['cluster n1', 'crash n2'],
      error: /^a\.txt:4: crash n2\nthere is no node n2/,
    },
    {
      why: 'a word too many',
      lines: ['cluster n1', 'heal n1'],
      error: /^a\.txt:4: heal n1\nn1: not understood/,
    },
    { why: 'a word too few', lines: ['cluster n1', 'crash'], error: /^a\.txt:4: crash\na node is missing/ },
    { why: 'no time', lines: ['cluster n1', 'elapse soon'], error: /a\.txt:4: .*\nsoon is no time/ },
    { why: 'nobody there', lines: ['elapse 1s'], error: /^a\.txt:3: elapse 1s\nfirst say who is there/ },
    {
      why: 'a setting that is none',
      lines: ['cluster n1', 'config speed=9', 'heal'],
      error: /a\.txt:5: .*\n.*speed/,
    },
    {
      why: 'set up too late',
      lines: ['cluster n1', 'heal', 'log n1 = 1'],
      error: /a\.txt:5: .*\nthe play has begun/,
    },
    {
      why: 'a node that is down',
      lines: ['cluster n1', 'crash n1', 'read n1 1'],
      error: /a\.txt:5: .*\nn1 is down/,
    },
    {
      why: 'nothing to deliver',
      lines: ['cluster n1', 'deliver'],
      error: /a\.txt:4: deliver\nthere is no such message/,
    },
    {
      why: 'output of nothing',
      lines: ['cluster n1', '', '----', 'x'],
      error: /^a\.txt:5: nothing was done here/,
    },
    {
      why: 'a remark too late',
      lines: ['cluster n1', '# And?', 'heal'],
      error: /^a\.txt:4: remarks stand before/,
    },
    { why: 'two blank lines', lines: ['cluster n1', '', '', 'heal'], error: /^a\.txt:5: one blank line/ },
  ])('names file and line: $why', ({ lines, error }) => {
    expect(() => told(...lines)).toThrow(error);
  });

  test('asks for a remark at the beginning', () => {
    expect(() => playStory('a.txt', 'cluster n1\n')).toThrow(/^a\.txt:1: a story begins with a # remark/);
  });
});
