import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import { SnapshotDecoder, SnapshotEncoder } from '../../src/storage/snapshot-file.ts';
import { OWNER, snapshotAt } from './log-writes.ts';
import { pieces } from './snapshots.ts';

/** A snapshot taken in the middle of a change of membership: all of that must come back. */
const META: SnapshotMeta = {
  ...snapshotAt(2 ** 40 + 3, 2 ** 33),
  configuration: {
    voters: [nodeId('n1'), nodeId('n2')],
    votersOutgoing: [nodeId('n1'), nodeId('n3')],
    learners: [nodeId('n4')],
    learnersNext: [nodeId('n3')],
    autoLeave: true,
  },
};
const STATE = [...pieces(3, 50), Buffer.alloc(0)];

interface FileParts {
  readonly frames: readonly Uint8Array[];
  readonly bytes: Buffer;
}

function encoded(state: readonly Uint8Array[] = STATE): FileParts {
  const encoder = new SnapshotEncoder();
  const frames = [
    encoder.header(OWNER.clusterId, META),
    ...state.map((piece) => encoder.piece(piece)),
    encoder.trailer(),
  ];
  return { frames, bytes: Buffer.concat(frames) };
}

interface Read {
  readonly meta: SnapshotMeta;
  readonly state: readonly Buffer[];
}

function read(bytes: Uint8Array, { step = bytes.length || 1, cluster = OWNER.clusterId } = {}): Read {
  const state: Buffer[] = [];
  const decoder = new SnapshotDecoder({
    path: 'a.snapshot',
    clusterId: cluster,
    onPiece: (piece) => state.push(Buffer.from(piece)),
  });
  for (let at = 0; at < bytes.length; at += step) decoder.add(bytes.subarray(at, at + step));
  return { meta: decoder.finish(), state };
}

const DAMAGED = expect.objectContaining({ code: 'DATA_DAMAGED', details: { path: 'a.snapshot' } });

describe('a snapshot file', () => {
  test.each([1, 2, 7, 64, 10_000])('is read as it was written, %i bytes at a time', (step) => {
    expect(read(encoded().bytes, { step })).toEqual({ meta: META, state: STATE });
  });

  test('may hold no state at all', () => {
    expect(read(encoded([]).bytes)).toEqual({ meta: META, state: [] });
  });

  test('is damaged by the change of any bit', () => {
    const { bytes } = encoded();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const harmed = Buffer.from(bytes);
      harmed[bit >> 3] = (harmed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => read(harmed), `bit ${bit}`).toThrow(DAMAGED);
    }
  });

  test('is damaged wherever it ends early', () => {
    const { bytes } = encoded();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => read(bytes.subarray(0, length)), `${length} bytes`).toThrow(DAMAGED);
    }
  });

  const { frames } = encoded();
  const [header, first, second, third, empty, trailer] = frames.map((frame) => Buffer.from(frame));
  test.each([
    { why: 'a piece is missing', order: [header, first, third, empty, trailer] },
    { why: 'a piece comes twice', order: [header, first, second, second, third, empty, trailer] },
    { why: 'two pieces have changed places', order: [header, second, first, third, empty, trailer] },
    { why: 'the header comes twice', order: [header, header, first, second, third, empty, trailer] },
    { why: 'it begins with a piece', order: [first, second, third, empty, trailer] },
    { why: 'something follows the trailer', order: [header, first, second, third, empty, trailer, first] },
    { why: 'a few bytes follow the trailer', order: [...frames, Buffer.from('x')] },
  ])('is damaged though every frame is sound: $why', ({ order }) => {
    const bytes = Buffer.concat(order.map((frame) => frame ?? Buffer.alloc(0)));
    expect(() => read(bytes)).toThrow(DAMAGED);
  });

  test('is damaged when its trailer counts other pieces than there are', () => {
    const counted = Buffer.from(trailer ?? Buffer.alloc(0));
    counted.writeUInt32LE(STATE.length + 1, 9);
    counted.writeUInt32LE(crc32(counted.subarray(8)), 4);
    expect(() => read(Buffer.concat([...frames.slice(0, -1), counted]))).toThrow(DAMAGED);
  });

  test('of another cluster is foreign', () => {
    const cluster = clusterId('cluster-b');
    expect(() => read(encoded().bytes, { cluster })).toThrow(
      expect.objectContaining({ code: 'DATA_FOREIGN', message: expect.stringContaining('cluster-a') }),
    );
  });

  test('says in a frame no more than its length allows', () => {
    const { bytes } = encoded();
    bytes.writeUInt32LE(0xffff_ffff, 0);
    expect(() => read(bytes)).toThrow(DAMAGED);
  });

  test('of any bytes at all is a clean refusal', () => {
    const garbage = fc.uint8Array({ maxLength: 400 });
    const property = fc.property(garbage, fc.integer({ min: 1, max: 50 }), (bytes, step) => {
      expect(() => read(bytes, { step })).toThrow(DAMAGED);
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test('with any bytes in the place of others is a clean refusal, or the same file', () => {
    const whole = encoded().bytes;
    const property = fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat({ max: whole.length - 1 }),
      (garbage, at) => {
        const bytes = Buffer.from(whole);
        bytes.set(garbage.subarray(0, bytes.length - at), at);
        if (bytes.equals(whole)) return;
        expect(() => read(bytes)).toThrow(DAMAGED);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});
