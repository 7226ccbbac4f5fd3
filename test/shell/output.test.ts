import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_OUTPUT_CHARS } from '../../src/protocol/limits.ts';
import { OutputTail } from '../../src/shell/output.ts';

/** The count in the notice, and what is behind it. */
function read(text: string): { readonly dropped: number; readonly kept: string } {
  const notice = /^\[(\d+) characters before this are not kept\]\n/.exec(text);
  return { dropped: Number(notice?.[1] ?? 0), kept: text.slice(notice?.[0].length ?? 0) };
}

describe('the tail of an output', () => {
  test.each([
    { why: 'nothing', length: 0, isWhole: true },
    { why: 'as much as is kept', length: MAX_OUTPUT_CHARS, isWhole: true },
    { why: 'one more than is kept', length: MAX_OUTPUT_CHARS + 1, isWhole: false },
  ])('of $why', ({ length, isWhole }) => {
    const tail = new OutputTail();
    tail.add('x'.repeat(length));
    expect(tail.text.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
    expect(tail.text.startsWith('[')).toBe(!isWhole);
    expect(read(tail.text).dropped + read(tail.text).kept.length).toBe(length);
  });

  test('may be asked for more than once, in the middle', () => {
    const tail = new OutputTail();
    tail.add('x'.repeat(MAX_OUTPUT_CHARS + 1));
    const first = read(tail.text);
    expect(read(tail.text)).toEqual(first);
    tail.add('y');
    expect(read(tail.text).dropped).toBe(first.dropped + 1);
    expect(tail.text.endsWith('xy')).toBe(true);
  });

  test('is the end of the whole, never with half a character', () => {
    const piece = fc.tuple(fc.constantFrom('a', '🗳', 'ß\n'), fc.integer({ min: 0, max: 60_000 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const tail = new OutputTail();
        const parts = pieces.map(([text, times]) => text.repeat(times));
        for (const part of parts) tail.add(part);
        const whole = parts.join('');
        const { dropped, kept } = read(tail.text);
        expect(tail.text.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
        expect(whole.slice(dropped)).toBe(kept);
        expect(Buffer.from(kept).toString()).toBe(kept);
      }),
    );
  });

  test('does not grow with what is added', () => {
    const tail = new OutputTail();
    const chunk = 'x'.repeat(16 * 1024 * 1024);
    // More than the longest string there can be.
    for (let at = 0; at < 40; at += 1) tail.add(chunk);
    expect(read(tail.text).dropped).toBeGreaterThan(2 ** 29);
  });
});
