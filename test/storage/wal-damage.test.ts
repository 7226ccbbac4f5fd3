import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { openWal } from '../../src/storage/wal.ts';
import { decodeRecord } from '../../src/storage/wal-record.ts';
import { replaySegments } from '../../src/storage/wal-replay.ts';
import {
  entries,
  entry,
  hardState,
  OWNER,
  plain,
  replayed,
  startWriter,
  type WriteParts,
} from './log-writes.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

/** Three groups of one write each. */
const GROUPS: readonly WriteParts[] = [
  { hardState: hardState(1, 'n1'), entries: entries(1, 2) },
  { entries: entries(3, 6) },
  { hardState: hardState(2, 'n2'), truncateFrom: 6, entries: entries(6, 9, 2) },
];

interface Image {
  readonly bytes: Buffer;
  /** Offsets of the records. */
  readonly offsets: readonly number[];
  /** Offset of the byte behind the last record. */
  readonly end: number;
}

function image(bytes: Buffer): Image {
  const offsets: number[] = [];
  let end = 0;
  for (;;) {
    const placed = decodeRecord(bytes, end);
    if (placed === undefined) return { bytes: bytes.subarray(0, end + 64), offsets, end };
    offsets.push(end);
    end = placed.end;
  }
}

/** One segment with `groups`, as a crash leaves it and as closing leaves it. */
async function written(groups: readonly WriteParts[]): Promise<{ crashed: Image; closed: Image }> {
  const folder = folders.create();
  const writer = startWriter(await openWal({ folder, ...OWNER }));
  for (const group of groups) await writer.write(group);
  const crashed = image(segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0));
  await writer.storage.close();
  return { crashed, closed: image(segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0)) };
}

const replay = (bytes: Buffer) => replaySegments([{ number: 1, path: '00000001.wal', bytes }], OWNER);
const logOf = (bytes: Buffer) => plain(replay(bytes).log);

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x5a;
  return copy;
}

function zeroed(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.from(bytes).fill(0, from, to);
}

let crashed: Image;
let closed: Image;
/** Where the records of the last group begin. */
let lastGroupAt: number;

beforeAll(async () => {
  ({ crashed, closed } = await written(GROUPS));
  lastGroupAt = crashed.offsets.at(-6) ?? 0;
});

describe('a torn tail', () => {
  test('is cut at every byte at which the file may end: the group is there whole, or not at all', () => {
    for (let length = lastGroupAt; length <= crashed.end; length += 1) {
      const expected = length === crashed.end ? GROUPS : GROUPS.slice(0, 2);
      expect(logOf(crashed.bytes.subarray(0, length)), `cut at ${length}`).toEqual(replayed(expected));
    }
  });

  test('is cut at every byte from which zeros may be left of what was preallocated', () => {
    for (let from = lastGroupAt; from < crashed.end; from += 1) {
      const bytes = zeroed(crashed.bytes, from, crashed.bytes.length);
      expect(logOf(bytes), `zeros from ${from}`).toEqual(replayed(GROUPS.slice(0, 2)));
    }
  });

  test('keeps the whole writes of a group that carried several', async () => {
    const folder = folders.create();
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    const writes: readonly WriteParts[] = [
      { entries: entries(1, 2) },
      { hardState: hardState(3, 'n2') },
      { truncateFrom: 2, entries: entries(2, 4, 3) },
    ];
    for (const write of writes) writer.queue(write);
    await writer.settled(3);
    const { bytes, end, offsets } = image(segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0));
    await writer.storage.close();
    expect(writer.durable).toEqual([3]);
    const ends = [offsets[3], offsets[5], offsets[6], end].map((offset) => offset ?? 0);
    for (let length = ends[0] ?? 0; length <= end; length += 1) {
      const whole = ends.slice(1).filter((offset) => offset <= length).length;
      expect(logOf(bytes.subarray(0, length)), `cut at ${length}`).toEqual(replayed(writes.slice(0, whole)));
    }
  });

  test('is really gone: the log goes on behind the cut, and is sound in the next life', async () => {
    for (let length = lastGroupAt; length < crashed.end; length += 7) {
      const folder = folders.with([{ name: '00000001.wal', bytes: crashed.bytes.subarray(0, length) }]);
      const writer = startWriter(await openWal({ folder, ...OWNER }));
      const more: WriteParts = { entries: [entry(7, 4)] };
      await writer.write(more);
      await writer.storage.close();
      const again = await openWal({ folder, ...OWNER });
      expect(plain(again.recovered), `cut at ${length}`).toEqual(replayed([...GROUPS.slice(0, 2), more]));
      await again.close();
    }
  });

  test('of which some writes are kept is followed by a log that is sound in every later life', async () => {
    const { crashed: two } = await written([{ entries: entries(1, 2) }]);
    const folder = folders.create();
    const first = startWriter(await openWal({ folder, ...OWNER }));
    first.queue({ entries: entries(1, 2) });
    await first.settled(first.queue({ entries: entries(3, 4) }));
    const { bytes } = image(segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0));
    await first.storage.close();
    // The first write of the group is there, and half of the second.
    const torn = folders.with([{ name: '00000001.wal', bytes: bytes.subarray(0, two.end + 20) }]);
    const writes: WriteParts[] = [{ entries: entries(1, 2) }];
    for (let life = 1; life <= 3; life += 1) {
      const storage = await openWal({ folder: torn, ...OWNER });
      expect(plain(storage.recovered), `life ${life}`).toEqual(replayed(writes));
      const writer = startWriter(storage);
      const more: WriteParts = { entries: [entry(life + 2, 7)] };
      await writer.write(more);
      writes.push(more);
      await writer.storage.close();
    }
  });

  test('may be the header of a segment that was being begun', async () => {
    const header = crashed.offsets[3] ?? 0;
    for (let length = 0; length < header; length += 1) {
      expect(replay(crashed.bytes.subarray(0, length)).end.validBytes, `cut at ${length}`).toBe(0);
    }
    const folder = folders.with([{ name: '00000001.wal', bytes: crashed.bytes.subarray(0, header - 1) }]);
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    await writer.write({ entries: entries(1, 1) });
    await writer.storage.close();
    const again = await openWal({ folder, ...OWNER });
    expect(again.recovered.entries).toHaveLength(1);
    await again.close();
  });

  test('may miss any sectors of its group, in any order', async () => {
    const large: WriteParts = { entries: Array.from({ length: 12 }, (_, at) => entry(at + 3, 1, 400)) };
    const small: WriteParts = { entries: entries(1, 2) };
    const { crashed: whole } = await written([small, large]);
    const groupAt = whole.offsets[5] ?? 0;
    const sectors = Math.ceil(whole.end / 512);
    const first = Math.floor(groupAt / 512);
    for (let missing = 1; missing < 2 ** (sectors - first); missing += 1) {
      let bytes = whole.bytes;
      for (let sector = first; sector < sectors; sector += 1) {
        if ((missing & (1 << (sector - first))) === 0) continue;
        bytes = zeroed(bytes, Math.max(groupAt, sector * 512), Math.min(whole.end, (sector + 1) * 512));
      }
      expect(logOf(bytes), `missing ${missing.toString(2)}`).toEqual(replayed([small]));
    }
  });
});

describe('damage is not a torn tail (pitfall 24)', () => {
  test('of any byte of a log that was closed is told with file and offset', () => {
    const mark = closed.offsets.at(-1) ?? 0;
    for (let at = 0; at < mark; at += 1) {
      const offset = closed.offsets.filter((begin) => begin <= at).at(-1);
      const message = expect.stringContaining(`00000001.wal at byte ${offset}`);
      expect(() => replay(flipped(closed.bytes, at)), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'DATA_DAMAGED', message, details: { path: '00000001.wal', offset } }),
      );
    }
  });

  test('of the header of a segment that is no longer than a header may be is told as well', async () => {
    const vote: WriteParts = { hardState: hardState(5, 'n2') };
    const { closed: short } = await written([vote]);
    const folder = folders.with([{ name: '00000001.wal', bytes: short.bytes.subarray(0, short.end) }]);
    const killed = await openWal({ folder, ...OWNER });
    const { bytes, offsets } = image(segmentsOf(folder)[0]?.bytes ?? Buffer.alloc(0));
    await killed.close();
    expect(logOf(bytes)).toEqual(replayed([vote]));
    for (let at = 0; at < (offsets.at(-1) ?? 0); at += 1) {
      expect(() => replay(flipped(bytes, at)), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'DATA_DAMAGED' }),
      );
    }
  });

  test('of the closing mark loses nothing', () => {
    for (let at = closed.offsets.at(-1) ?? 0; at < closed.end; at += 1) {
      expect(logOf(flipped(closed.bytes, at)), `byte ${at}`).toEqual(replayed(GROUPS));
    }
  });

  test('before the last record of a crashed log is told: nothing is missing there, so it has rotted', () => {
    for (let at = 0; at < (crashed.offsets.at(-1) ?? 0); at += 1) {
      expect(() => replay(flipped(crashed.bytes, at)), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'DATA_DAMAGED' }),
      );
    }
  });

  test('of the last record of a crashed log cannot be told from a torn tail', () => {
    for (let at = crashed.offsets.at(-1) ?? 0; at < crashed.end; at += 1) {
      expect(logOf(flipped(crashed.bytes, at)), `byte ${at}`).toEqual(replayed(GROUPS.slice(0, 2)));
    }
  });

  test('is a missing sector of a group that was followed by another', () => {
    const [, , , , , from = 0] = crashed.offsets;
    expect(() => replay(zeroed(crashed.bytes, from, lastGroupAt))).toThrow(
      expect.objectContaining({ code: 'DATA_DAMAGED' }),
    );
  });

  test('is a missing sector in the middle of a group that was followed by another', async () => {
    const large: WriteParts = { entries: Array.from({ length: 12 }, (_, at) => entry(at + 1, 1, 400)) };
    const { crashed: last, closed: followed } = await written([large]);
    const holed = (bytes: Buffer): Buffer => zeroed(bytes, 2_048, 2_560);
    expect(logOf(holed(last.bytes))).toEqual(replayed([]));
    expect(() => replay(holed(followed.bytes))).toThrow(expect.objectContaining({ code: 'DATA_DAMAGED' }));
  });

  const LOSSES = [
    { why: 'a record rotted', harm: (bytes: Buffer, at: number) => flipped(bytes, at + 4) },
    { why: 'the end is gone', harm: (bytes: Buffer, at: number) => bytes.subarray(0, at) },
    { why: 'the end reads as zeros', harm: (bytes: Buffer, at: number) => zeroed(bytes, at, bytes.length) },
  ];
  const ENDINGS = [
    { ending: 'part of a group', groups: [[entry(1), entry(2, 1, 700)], [entry(3)]] },
    { ending: 'a whole group', groups: [[entry(1)], [entry(2, 1, 700)], [entry(3)]] },
  ];
  // A whole group that is gone without a trace shows where the next segment begins.
  const ENDINGS_LOST = LOSSES.flatMap(({ why, harm }) =>
    ENDINGS.map(({ ending, groups }) => ({
      why: `${ending}, ${why}`,
      harm,
      groups,
      found: ending === 'a whole group' && why !== 'a record rotted' ? 'next' : 'here',
    })),
  );
  test.each(ENDINGS_LOST)(
    'is any loss at the end of a segment that has a successor: $why',
    async ({ harm, groups, found }) => {
      const folder = folders.create();
      const writer = startWriter(await openWal({ folder, ...OWNER, maxSegmentBytes: 600 }));
      for (const group of groups) await writer.write({ entries: group });
      await writer.storage.close();
      const [first, second] = segmentsOf(folder);
      const whole = image(first?.bytes ?? Buffer.alloc(0));
      const offset = whole.offsets.at(-1) ?? 0;
      const segments = [
        { number: 1, path: '00000001.wal', bytes: harm(whole.bytes, offset) },
        { number: 2, path: '00000002.wal', bytes: second?.bytes ?? Buffer.alloc(0) },
      ];
      expect(() => replaySegments(segments, OWNER)).toThrow(
        expect.objectContaining({
          code: 'DATA_DAMAGED',
          details: found === 'here' ? { path: '00000001.wal', offset } : { path: '00000002.wal', offset: 0 },
        }),
      );
    },
  );

  test('is a file that was never a log', () => {
    expect(() => replay(Buffer.alloc(4_096, 'not a log; '))).toThrow(
      expect.objectContaining({ code: 'DATA_DAMAGED', details: { path: '00000001.wal', offset: 0 } }),
    );
  });

  test('stops the opening, and leaves the files as they were', async () => {
    const bytes = flipped(crashed.bytes, (crashed.offsets[4] ?? 0) + 40);
    const folder = folders.with([{ name: '00000001.wal', bytes }]);
    await expect(openWal({ folder, ...OWNER })).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
    expect(segmentsOf(folder)).toEqual([{ name: '00000001.wal', bytes }]);
  });

  test('of any shape is told, or costs nothing but the last group', () => {
    const whole = JSON.stringify(replayed(GROUPS));
    const shorter = JSON.stringify(replayed(GROUPS.slice(0, 2)));
    const property = fc.property(
      // Shorter than the last group, which therefore bears witness to the ones before it.
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat({ max: crashed.end - 1 }),
      (garbage, at) => {
        const bytes = Buffer.from(crashed.bytes);
        bytes.set(garbage.subarray(0, bytes.length - at), at);
        const allowed = at < lastGroupAt ? [whole] : [whole, shorter];
        return ['DATA_DAMAGED', ...allowed].includes(outcomeOf(() => JSON.stringify(logOf(bytes))));
      },
    );
    fc.assert(property, { numRuns: 3_000 });
  });

  test('of any bytes at all is a clean refusal, or an empty log', () => {
    const empty = JSON.stringify(replayed([]));
    const property = fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) =>
      ['DATA_DAMAGED', empty].includes(outcomeOf(() => JSON.stringify(logOf(Buffer.from(bytes))))),
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});

function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return error instanceof SwarmError ? error.code : String(error);
  }
}
