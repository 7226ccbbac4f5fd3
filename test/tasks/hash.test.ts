import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RunningHash } from '../../src/tasks/hash.ts';

describe('the published vectors of FNV-1a, 64 bit', () => {
  test.each([
    { why: 'the offset basis', text: '', hex: 'cbf29ce484222325' },
    { why: 'one octet', text: 'a', hex: 'af63dc4c8601ec8c' },
    { why: 'several octets', text: 'foobar', hex: '85944171f73967e8' },
  ])('$why', ({ text, hex }) => {
    const hash = new RunningHash();
    hash.text(text);
    expect(hash.hex).toBe(hex);
  });
});

const hexOf = (...values: readonly unknown[]): string => {
  const hash = new RunningHash();
  for (const value of values) hash.value(value);
  return hash.hex;
};

describe('plain data', () => {
  test.each([
    { why: 'where one text ends counts', one: ['ab', 'c'], other: ['a', 'bc'] },
    { why: 'a number is no text', one: [1], other: ['1'] },
    { why: 'an empty list is no empty record', one: [[]], other: [{}] },
    { why: 'nesting counts', one: [['a'], 'b'], other: [['a', 'b']] },
    { why: 'names count', one: [{ a: 1 }], other: [{ b: 1 }] },
    { why: 'numbers beyond 32 bits count', one: [1], other: [2 ** 32 + 1] },
    { why: 'missing is not false', one: [undefined], other: [false] },
    { why: 'characters beyond ASCII count', one: ['é'], other: ['è'] },
  ])('$why', ({ one, other }) => {
    expect(hexOf(...one)).not.toBe(hexOf(...other));
  });

  const { data } = fc.letrec((tie) => ({
    data: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.maxSafeNat(),
      fc.string({ maxLength: 3 }),
      fc.boolean(),
      fc.array(tie('data'), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 2 }), tie('data'), { maxKeys: 3 }),
    ),
  }));

  test('has equal hashes exactly when it is equal', () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        expect(hexOf(one)).toBe(hexOf(structuredClone(one)));
        expect(hexOf(one) === hexOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2_000 },
    );
  });
});
