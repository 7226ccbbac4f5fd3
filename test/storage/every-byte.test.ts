import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { SnapshotDecoder, SnapshotEncoder } from '../../src/storage/snapshot-file.ts';
import { openWal } from '../../src/storage/wal.ts';
import { replaySegments } from '../../src/storage/wal-replay.ts';
import { type DurableEnd, lossOf, readWitness } from '../../src/storage/wal-witness.ts';
import { entry, OWNER, snapshotAt, startWriter } from './log-writes.ts';
import { pieces } from './snapshots.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const LEAST_BYTES = 64 * 1024;
/** Every so many bytes are tried; `npm run test:faults` takes them all. */
const STEP = process.env.RAFT_MANAGER_EVERY_BYTE === undefined ? 29 : 1;
const ENTRIES = 230;
const WHOLE = `${ENTRIES} entries`;

const codeOf = (error: unknown): string => (error instanceof SwarmError ? error.code : String(error));

/** Flips one bit of each byte in turn. */
function* flips(bytes: Buffer, end: number): Generator<number> {
  for (let at = 0; at < end; at += STEP) {
    const before = bytes[at] ?? 0;
    bytes[at] = before ^ (1 << (at % 8));
    yield at;
    bytes[at] = before;
  }
}

describe('a log of 64 KiB whose process was killed', () => {
  let log: Buffer;
  let witnessed: DurableEnd;

  beforeAll(async () => {
    const folder = folders.create();
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    for (let index = 1; index <= ENTRIES; index += 1) await writer.write({ entries: [entry(index, 1, 253)] });
    witnessed = (await readWitness(folder)) ?? { segment: 0, bytes: 0 };
    log = segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0);
    await writer.storage.close();
  });

  /** What opening makes of these bytes. */
  function outcomeOf(bytes: Buffer): string {
    try {
      const { log: found, end } = replaySegments([{ number: 1, path: 'x', bytes }], OWNER);
      const loss = lossOf('x', { segment: 1, bytes: end.validBytes }, witnessed);
      return loss?.code ?? `${found.entries.length} entries`;
    } catch (error) {
      return codeOf(error);
    }
  }

  test('is known to its last byte', () => {
    expect(witnessed.bytes).toBeGreaterThanOrEqual(LEAST_BYTES);
    expect(outcomeOf(log)).toBe(WHOLE);
    expect(outcomeOf(log.subarray(0, witnessed.bytes))).toBe(WHOLE);
  });

  test('is refused whichever byte of it is flipped', () => {
    const bytes = Buffer.from(log);
    for (const at of flips(bytes, witnessed.bytes))
      expect(outcomeOf(bytes), `byte ${at}`).toBe('DATA_DAMAGED');
  });

  test('is refused at whichever length it is cut', () => {
    for (let length = witnessed.bytes - 1; length >= 0; length -= STEP) {
      expect(outcomeOf(log.subarray(0, length)), `cut at ${length}`).toBe('DATA_DAMAGED');
    }
  });

  test('is refused wherever zeros begin', () => {
    const bytes = Buffer.from(log.subarray(0, witnessed.bytes));
    for (let from = witnessed.bytes - 1; from >= 0; from -= STEP) {
      bytes.fill(0, from, witnessed.bytes);
      expect(outcomeOf(bytes), `zeros from ${from}`).toBe('DATA_DAMAGED');
    }
  });
});

describe('a snapshot of 64 KiB', () => {
  const encoder = new SnapshotEncoder();
  const file = Buffer.concat([
    encoder.header(OWNER.clusterId, snapshotAt(42, 7)),
    ...pieces(70).map((piece) => encoder.piece(piece)),
    encoder.trailer(),
  ]);

  function outcomeOf(bytes: Buffer): string {
    let taken = 0;
    const onPiece = (): void => {
      taken += 1;
    };
    try {
      const decoder = new SnapshotDecoder({ path: 'x', clusterId: OWNER.clusterId, onPiece });
      decoder.add(bytes);
      return `${decoder.finish().index} of ${taken} pieces`;
    } catch (error) {
      return codeOf(error);
    }
  }

  test('is read when it is whole', () => {
    expect(file.length).toBeGreaterThanOrEqual(LEAST_BYTES);
    expect(outcomeOf(file)).toBe('42 of 70 pieces');
  });

  test('is refused whichever byte of it is flipped', () => {
    const bytes = Buffer.from(file);
    for (const at of flips(bytes, bytes.length)) expect(outcomeOf(bytes), `byte ${at}`).toBe('DATA_DAMAGED');
  });

  test('is refused at whichever length it is cut, and when something follows', () => {
    for (let length = file.length - 1; length >= 0; length -= STEP) {
      expect(outcomeOf(file.subarray(0, length)), `cut at ${length}`).toBe('DATA_DAMAGED');
    }
    expect(outcomeOf(Buffer.concat([file, Buffer.alloc(1)]))).toBe('DATA_DAMAGED');
  });
});
