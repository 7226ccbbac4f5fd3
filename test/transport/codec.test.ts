import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import type { Message } from '../../src/protocol/message.ts';
import { decodeMessages } from '../../src/transport/codec-decode.ts';
import { encodeMessages } from '../../src/transport/codec-encode.ts';
import { anyMessage, append, FROM, heartbeat, TO, verdict } from './messages.ts';

const ENDS = { from: FROM, to: TO };

function decoded(bytes: Uint8Array): readonly Message[] {
  const outcome = decodeMessages(bytes, ENDS);
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

/** A frame from numbers (bytes) and `u64`/`u32` pieces. */
function frame(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

const MAX = 2n ** 53n - 1n;
const FORMAT = 1;
const APPEND = 1;
const HEARTBEAT = 8;
const SNAPSHOT_CHUNK = 16;
const SNAPSHOT_ANSWER = 17;
const chunk = (totalBytes: bigint, offset: bigint, data: Uint8Array): Uint8Array =>
  frame(
    FORMAT,
    SNAPSHOT_CHUNK,
    u64(5n),
    u64(9n),
    u64(4n),
    u64(totalBytes),
    u64(offset),
    u32(7),
    u32(data.length),
    data,
  );
const appendHead = (prevLogIndex: bigint): Uint8Array =>
  frame(FORMAT, APPEND, u64(5n), u64(prevLogIndex), u64(4n), u64(0n));

describe('peer frames', () => {
  test('come back as they were sent', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), (messages) => {
        expect(decoded(encodeMessages(messages))).toEqual(messages);
      }),
      { numRuns: 1_000 },
    );
  });

  test('have the layout that docs/wire.md draws', () => {
    const message: Message = {
      ...ENDS,
      type: 'heartbeat',
      term: term(3),
      commitIndex: logIndex(7),
      round: 9,
    };
    expect(encodeMessages([message])).toEqual(frame(FORMAT, HEARTBEAT, u64(3n), u64(7n), u64(9n)));
    const entry = frame(u64(1n), 1, u32(2), 0, 0);
    const head = frame(FORMAT, APPEND, u64(1n), u64(0n), u64(0n), u64(0n), u32(1));
    expect(encodeMessages([append([2])])).toEqual(frame(head, entry));
    const snapshot = { ...ENDS, term: term(5), index: logIndex(9) };
    const data = Uint8Array.of(1, 2, 3);
    const piece = { snapshotTerm: term(4), totalBytes: 10, offset: 6, crc: 7, data };
    expect(encodeMessages([{ type: 'snapshot-chunk', ...snapshot, ...piece }])).toEqual(chunk(10n, 6n, data));
    expect(
      encodeMessages([{ type: 'snapshot-answer', ...snapshot, status: 'installed', heldBytes: 10 }]),
    ).toEqual(frame(FORMAT, SNAPSHOT_ANSWER, u64(5n), u64(9n), u64(10n), 1));
  });

  test('carry a chunk of a snapshot that ends with it, and one as large as may be', () => {
    const largest = new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES);
    for (const data of [Uint8Array.of(1, 2), largest]) {
      const bytes = chunk(100n + BigInt(data.length), 100n, data);
      expect(decoded(bytes)).toMatchObject([{ type: 'snapshot-chunk', offset: 100, crc: 7 }]);
    }
  });

  test('say who sent them by their link, not by their content', () => {
    const [message] = decoded(encodeMessages([heartbeat(1, { from: nodeId('liar'), to: nodeId('x') })]));
    expect(message).toMatchObject({ from: FROM, to: TO });
  });

  test('are not copied when read: entry data are views of the frame', () => {
    const bytes = encodeMessages([append([300])]);
    const [message] = decoded(bytes);
    if (message?.type !== 'append-request') throw new Error('an append was sent');
    expect(message.entries[0]?.data.buffer).toBe(bytes.buffer);
  });

  test.each([
    { why: 'not even a format', bytes: frame() },
    { why: 'a format of the future', bytes: frame(2) },
    { why: 'an unknown message type', bytes: frame(FORMAT, 200, u64(1n)) },
    { why: 'cut inside the header', bytes: frame(FORMAT, HEARTBEAT, 1, 2, 3) },
    { why: 'cut inside the fields', bytes: frame(FORMAT, HEARTBEAT, u64(1n), u64(1n)) },
    { why: 'a term over 2^53-1', bytes: frame(FORMAT, HEARTBEAT, u64(MAX + 1n), u64(1n), u64(1n)) },
    { why: 'a flag that is neither 0 nor 1', bytes: frame(FORMAT, 6, u64(1n), 2) },
    { why: 'an unknown standing', bytes: frame(FORMAT, 9, u64(1n), u64(1n), 3) },
    { why: 'an unknown entry kind', bytes: frame(appendHead(1n), u32(1), u64(1n), 9, u32(0)) },
    { why: 'an entry longer than the frame', bytes: frame(appendHead(1n), u32(1), u64(1n), 1, u32(9), 1) },
    { why: 'four billion entries', bytes: frame(appendHead(1n), u32(2 ** 32 - 1), u64(1n), 1, u32(0)) },
    { why: 'four billion commands', bytes: frame(FORMAT, 13, u64(1n), u64(1n), u32(2 ** 32 - 1), u32(0)) },
    { why: 'an index that would pass 2^53-1', bytes: frame(appendHead(MAX), u32(1), u64(1n), 1, u32(0)) },
    { why: 'a chunk beyond the end of its snapshot', bytes: chunk(10n, 9n, Uint8Array.of(1, 2)) },
    { why: 'a chunk longer than its snapshot', bytes: chunk(1n, 0n, Uint8Array.of(1, 2)) },
    { why: 'a question beyond the end of the snapshot', bytes: chunk(1n, 2n, Uint8Array.of()) },
    { why: 'an offset over 2^53-1', bytes: chunk(MAX, MAX + 1n, Uint8Array.of()) },
    { why: 'a snapshot over 2^53-1', bytes: chunk(MAX + 1n, 0n, Uint8Array.of()) },
    { why: 'a chunk too large', bytes: chunk(MAX, 0n, new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES + 1)) },
    {
      why: 'an unknown status of a snapshot',
      bytes: frame(FORMAT, SNAPSHOT_ANSWER, u64(5n), u64(9n), u64(1n), 3),
    },
    { why: 'a byte too many at the end', bytes: frame(encodeMessages([heartbeat(1)]), 0) },
  ])('are refused: $why', ({ bytes }) => {
    expect(decodeMessages(bytes, ENDS)).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
  });

  test.each([
    { why: 'entries', bytes: frame(appendHead(1n), u32(2), u64(1n), 1, u32(0)) },
    { why: 'commands', bytes: frame(FORMAT, 13, u64(1n), u64(1n), u32(2), u32(0)) },
  ])('with a count of $why that cannot fit are refused before the first is read', ({ bytes }) => {
    const refusal = { message: expect.stringContaining('a count of 2 with') };
    expect(decodeMessages(bytes, ENDS)).toMatchObject({ ok: false, error: refusal });
  });

  test('of any bytes decode to messages or to a clean error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        for (const bytes of [noise, frame(FORMAT, noise)]) isMessagesOrMalformed(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  test('that were valid and then damaged decode to messages or to a clean error', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 4 }),
        damage,
        fc.nat(),
        (messages, flips, cut) => {
          const bytes = Uint8Array.from(encodeMessages(messages));
          for (const [at, value] of flips) bytes[at % bytes.length] = value;
          isMessagesOrMalformed(bytes);
          isMessagesOrMalformed(bytes.subarray(0, cut % bytes.length));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test.each([
    { why: 'negative', value: -1 },
    { why: 'a fraction', value: 0.5 },
    { why: 'over 2^53-1', value: 2 ** 53 },
    { why: 'not a number', value: Number.NaN },
  ])('cannot be built with a number that would not come back: $why', ({ value }) => {
    expect(() => encodeMessages([heartbeat(value)])).toThrow('integer from 0 to 2^53-1');
  });

  test('cannot be built with a gap between entries', () => {
    const message = append([1, 1]);
    if (message.type !== 'append-request') throw new Error('an append was built');
    const shifted = { ...message, prevLogIndex: logIndex(7) };
    expect(() => encodeMessages([shifted])).toThrow('without a gap');
  });
});

/** Whatever decodes is sound: it has one spelling, and that was it. */
function isMessagesOrMalformed(bytes: Uint8Array): void {
  const outcome = decodeMessages(bytes, ENDS);
  expect(['ok', 'MALFORMED']).toContain(verdict(outcome));
  const again = outcome.ok ? encodeMessages(outcome.value) : bytes;
  expect(Buffer.compare(again, bytes)).toBe(0);
}
