import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { colours, displayMode, noColours, paintFor, paintLine } from '../../src/cli/view/paint.ts';
import { type Column, table } from '../../src/cli/view/table.ts';
import { cut, elapsed, pad, plain, plainLines, width } from '../../src/cli/view/text.ts';

describe('plain', () => {
  test.each([
    { why: 'colours', text: '\u001B[31mred\u001B[0m', shown: 'red' },
    { why: 'a clear screen', text: 'a\u001B[2J\u001B[Hb', shown: 'ab' },
    { why: 'a window title', text: 'a\u001B]0;owned\u0007b', shown: 'ab' },
    { why: 'a link', text: '\u001B]8;;http://example.com\u0007here\u001B]8;;\u0007', shown: 'here' },
    { why: 'one-byte sequences', text: 'a\u009B31mb', shown: 'ab' },
    { why: 'an escape alone', text: 'a\u001B', shown: 'a' },
    { why: 'a bell and backspaces', text: 'secret\u0007\b\b', shown: 'secret' },
    { why: 'text that turns around', text: 'a\u202Eb\u2066c', shown: 'abc' },
    { why: 'a zero-width blank', text: 'a\u200Bb\uFEFF', shown: 'ab' },
    { why: 'line breaks', text: 'a\nb\u2028c', shown: 'a bc' },
    { why: 'a tab', text: 'a\tb', shown: 'a b' },
    { why: 'a progress bar drawn over itself', text: '10%\r50%\r100%', shown: '100%' },
    { why: 'a Windows line end', text: 'done\r', shown: 'done' },
    { why: 'half a character', text: 'a\uD83Db', shown: 'a\uFFFDb' },
  ])('takes away $why', ({ text, shown }) => {
    expect(plain(text)).toBe(shown);
  });

  test.each(['🗳️  Raft', '👩‍👩‍👧', 'é', 'e\u0301', '漢字', 'עברית'])('keeps %s', (text) => {
    expect(plain(text)).toBe(text);
  });

  test('leaves nothing that a terminal would obey, whatever comes', () => {
    const nasty = fc.constantFrom(
      '\u001B',
      '[',
      ']',
      '\u009B',
      '\u0007',
      '\r',
      '\n',
      '?25l',
      '\u202E',
      '漢',
      'm',
    );
    const text = fc.array(fc.oneof(nasty, fc.string({ unit: 'binary' }))).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (input) => {
        expect(plain(input)).not.toMatch(/\p{Cc}|[\u202A-\u202E\u2066-\u2069]/u);
      }),
    );
  });

  test('of an output, drops the blank end only', () => {
    expect(plainLines('\na\r\n\nb\n\n')).toEqual(['', 'a', '', 'b']);
    expect(plainLines(' \n')).toEqual([]);
  });
});

describe('width', () => {
  test.each([
    { text: '', columns: 0 },
    { text: 'abc', columns: 3 },
    { text: 'é', columns: 1 },
    { text: 'e\u0301', columns: 1 },
    { text: '漢字', columns: 4 },
    { text: 'ｶﾅ', columns: 2 },
    { text: '한국', columns: 4 },
    { text: '🚀', columns: 2 },
    { text: '🗳️', columns: 2 },
    { text: '👩‍👩‍👧', columns: 2 },
    { text: '🇩🇪', columns: 2 },
    { text: '1️⃣', columns: 2 },
    { text: '█░…│▸', columns: 5 },
  ])('of "$text" is $columns', ({ text, columns }) => {
    expect(width(text)).toBe(columns);
  });

  test.each([
    { text: 'abcdef', columns: 6, shown: 'abcdef' },
    { text: 'abcdef', columns: 4, shown: 'abc…' },
    { text: '漢字漢', columns: 4, shown: '漢…' },
    { text: '👩‍👩‍👧👩‍👩‍👧', columns: 3, shown: '👩‍👩‍👧…' },
    { text: 'abc', columns: 1, shown: '…' },
    { text: 'abc', columns: 0, shown: '' },
  ])('"$text" cut to $columns is "$shown"', ({ text, columns, shown }) => {
    expect(cut(text, columns)).toBe(shown);
  });

  test('is kept by every line that is cut or filled up', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, columns) => {
        expect(width(cut(plain(text), columns))).toBeLessThanOrEqual(columns);
        expect(width(pad(plain(text), columns))).toBe(columns);
      }),
    );
  });

  test('pads on the side that is asked for', () => {
    expect(pad('漢', 4)).toBe('漢  ');
    expect(pad('漢', 4, 'right')).toBe('  漢');
  });
});

test.each([
  { ms: -5, shown: '0.0s' },
  { ms: 440, shown: '0.4s' },
  { ms: 9_949, shown: '9.9s' },
  { ms: 9_950, shown: '10s' },
  { ms: 59_499, shown: '59s' },
  { ms: 59_500, shown: '1:00' },
  { ms: 187_000, shown: '3:07' },
  { ms: 3_723_000, shown: '1:02:03' },
])('$ms ms are shown as $shown', ({ ms, shown }) => {
  expect(elapsed(ms)).toBe(shown);
});

describe('colours', () => {
  test.each([
    { why: 'a terminal', isTTY: true, env: {}, mode: 'live', paint: colours },
    { why: 'a pipe', isTTY: false, env: {}, mode: 'lines', paint: noColours },
    {
      why: 'a terminal whose owner wants none',
      isTTY: true,
      env: { NO_COLOR: '1' },
      mode: 'lines',
      paint: noColours,
    },
    {
      why: 'an empty NO_COLOR, which says nothing',
      isTTY: true,
      env: { NO_COLOR: '' },
      mode: 'live',
      paint: colours,
    },
    { why: 'a terminal that cannot', isTTY: true, env: { TERM: 'dumb' }, mode: 'lines', paint: noColours },
    { why: 'CI with a terminal', isTTY: true, env: { CI: 'true' }, mode: 'lines', paint: colours },
  ])('$why', ({ isTTY, env, mode, paint }) => {
    expect(displayMode({ isTTY, env })).toBe(mode);
    expect(paintFor({ isTTY, env })).toBe(paint);
  });

  test('count for nothing in the width of a line', () => {
    const spans = ['ab ', { text: 'cdef', style: 'red' }, 'gh'] as const;
    expect(paintLine(spans, 9, colours)).toBe('ab \u001B[31mcdef\u001B[39mgh');
    expect(paintLine(spans, 5, colours)).toBe('ab \u001B[31mc…\u001B[39m');
    expect(paintLine(spans, 5, noColours)).toBe('ab c…');
  });
});

describe('table', () => {
  interface Agent {
    readonly name: string;
    readonly about: string;
    readonly tasks: number;
  }
  const agents: readonly Agent[] = [
    { name: 'raft-manager', about: 'Keeps the log in order', tasks: 12 },
    { name: '審査', about: 'Reads\u001B[2J everything\ntwice', tasks: 3 },
  ];
  const columns: readonly Column<Agent>[] = [
    { title: 'NAME', value: ({ name }) => name, least: 6 },
    { title: 'TASKS', value: ({ tasks }) => String(tasks), align: 'right' },
    { title: 'ABOUT', value: ({ about }) => about, least: 5, style: () => 'dim' },
  ];

  test('lines up, without blanks at the end', () => {
    expect(table(agents, columns)).toEqual([
      'NAME          TASKS  ABOUT',
      'raft-manager     12  Keeps the log in order',
      '審査              3  Reads everything twice',
    ]);
  });

  test('gives up width where most is, down to what a column needs', () => {
    expect(table(agents, columns, { columns: 34 })).toEqual([
      'NAME          TASKS  ABOUT',
      'raft-manager     12  Keeps the lo…',
      '審査              3  Reads everyt…',
    ]);
    expect(table(agents, columns, { columns: 1 })).toEqual([
      'NAME    TASKS  ABOUT',
      'raft-…     12  Keep…',
      '審査        3  Read…',
    ]);
  });

  test('paints without moving anything', () => {
    const painted = table(agents, columns, { paint: colours });
    expect(painted).toHaveLength(3);
    expect(painted[1]).toBe('raft-manager     12  \u001B[2mKeeps the log in order\u001B[22m');
    expect(painted.map(plain)).toEqual(table(agents, columns));
  });

  test('of nothing is its heading', () => {
    expect(table([], columns)).toEqual(['NAME  TASKS  ABOUT']);
  });
});
