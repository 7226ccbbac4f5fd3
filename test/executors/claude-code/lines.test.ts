import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lines } from '../../../src/agents/executors/claude-code/lines.ts';

function cut(pieces: readonly string[], maxChars?: number): { lines: string[]; rest: string } {
  const reader = new Lines(maxChars);
  const lines = pieces.flatMap((piece) => reader.add(piece));
  return { lines, rest: reader.rest() };
}

describe('lines', () => {
  test.each([
    { why: 'whole ones', pieces: ['a\nb\n'], lines: ['a', 'b'], rest: '' },
    { why: 'in pieces', pieces: ['a', 'b\nc', '', '\n', 'd'], lines: ['ab', 'c'], rest: 'd' },
    { why: 'empty ones', pieces: ['\n', '\n\n'], lines: ['', '', ''], rest: '' },
    { why: 'just not too long', pieces: ['abcd', 'e\n'], lines: ['abcde'], rest: '' },
    {
      why: 'one too long, and what follows it',
      pieces: ['abcd', 'ef', 'gh\nxy\n'],
      lines: ['xy'],
      rest: '',
    },
    { why: 'too long in one piece', pieces: ['abcdef\nxy'], lines: [], rest: 'xy' },
    { why: 'too long without an end', pieces: ['abcdef', 'g'], lines: [], rest: '' },
  ])('$why', ({ pieces, lines, rest }) => {
    expect(cut(pieces, 5)).toEqual({ lines, rest });
  });

  test('are the same, however the text is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'ß') });
    fc.assert(
      fc.property(fc.array(text), (pieces) => {
        const { lines, rest } = cut(pieces);
        expect([...lines, rest].join('\n')).toBe(pieces.join(''));
      }),
    );
  });
});
