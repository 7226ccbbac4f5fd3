import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeRequests,
  decodeResponses,
  encodeRequests,
  encodeResponses,
} from '../../src/transport/client-codec.ts';
import { verdict } from './messages.ts';

/** A sound record has one spelling. */
function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

const anyBody = fc.uint8Array({ maxLength: 200 });
const anyRequests = fc.array(
  fc.record({ requestId: fc.integer({ min: 1, max: 2 ** 32 - 1 }), kind: fc.nat(255), body: anyBody }),
);
const anyResponses = fc.array(
  fc.record({ requestId: fc.integer({ min: 0, max: 2 ** 32 - 1 }), status: fc.nat(1), body: anyBody }),
);

describe('client frames', () => {
  test('of requests come back as they were sent', () => {
    fc.assert(
      fc.property(anyRequests, (requests) => {
        expect(decodeRequests(encodeRequests(requests))).toEqual({ ok: true, value: requests });
      }),
    );
  });

  test('of responses and pushes come back as they were sent', () => {
    fc.assert(
      fc.property(anyResponses, (responses) => {
        expect(decodeResponses(encodeResponses(responses))).toEqual({ ok: true, value: responses });
      }),
    );
  });

  test('have the layout that docs/wire.md draws', () => {
    const bytes = encodeRequests([{ requestId: 258, kind: 3, body: Buffer.of(9, 8) }]);
    expect([...bytes]).toEqual([2, 1, 0, 0, 3, 2, 0, 0, 0, 9, 8]);
  });

  test.each([
    { why: 'request id 0 belongs to pushes', decode: decodeRequests, bytes: [0, 0, 0, 0, 1, 0, 0, 0, 0] },
    { why: 'cut inside the header', decode: decodeRequests, bytes: [1, 0, 0, 0, 1, 0] },
    {
      why: 'four billion bytes of body',
      decode: decodeRequests,
      bytes: [1, 0, 0, 0, 1, 255, 255, 255, 255, 1],
    },
    { why: 'an unknown status', decode: decodeResponses, bytes: [1, 0, 0, 0, 2, 0, 0, 0, 0] },
    { why: 'a body cut short', decode: decodeResponses, bytes: [1, 0, 0, 0, 0, 2, 0, 0, 0, 1] },
  ])('are refused: $why', ({ decode, bytes }) => {
    expect(decode(Uint8Array.from(bytes))).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
  });

  test('of any bytes decode to records or to a clean error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodeRequests, decodeResponses]) {
          expect(['ok', 'MALFORMED']).toContain(verdict(decode(bytes)));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('that were valid and then damaged decode to records or to a clean error', () => {
    fc.assert(
      fc.property(anyResponses, fc.nat(), fc.nat(255), (responses, at, value) => {
        const bytes = Uint8Array.from(encodeResponses(responses));
        if (bytes.length > 0) bytes[at % bytes.length] = value;
        const outcome = decodeResponses(bytes);
        expect(['ok', 'MALFORMED']).toContain(verdict(outcome));
        if (outcome.ok) sameBytes(encodeResponses(outcome.value), bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  test('cannot carry a request that would be taken for a push', () => {
    expect(() => encodeRequests([{ requestId: 0, kind: 1, body: Buffer.of() }])).toThrow('for pushes');
  });
});
