import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { replaySegments } from '../../src/storage/wal-replay.ts';
import { entries, entry, hardState, OWNER, plain, replayed, startWriter } from './log-writes.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

interface Parts {
  readonly kind: number;
  readonly flags?: number;
  readonly group: number;
  readonly term?: number;
  readonly index?: number;
  readonly body?: string;
}

/** One record, put together from docs/storage.md alone. */
function record({ kind, flags = 3, group, term = 0, index = 0, body = '' }: Parts): Buffer {
  const bytes = Buffer.alloc(32 + body.length);
  bytes.writeUInt32LE(body.length, 4);
  bytes.writeUInt8(kind, 8);
  bytes.writeUInt8(flags, 9);
  bytes.writeUIntLE(group, 10, 6);
  bytes.writeBigUInt64LE(BigInt(term), 16);
  bytes.writeBigUInt64LE(BigInt(index), 24);
  bytes.write(body, 32, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

const NAMES = `\x09${OWNER.clusterId}${OWNER.nodeId}`;
const OLD_HEADER = record({ kind: 1, group: 1, index: 1, body: NAMES });

interface Start {
  readonly group?: number;
  readonly last?: readonly [number, number];
  readonly term?: number;
  readonly votedFor?: string;
}

/** The group a segment begins with. */
function header({ group = 1, last = [0, 0], term = 0, votedFor = '' }: Start = {}): Buffer {
  return Buffer.concat([
    record({ kind: 1, flags: 0, group, index: 2, body: NAMES }),
    record({ kind: 9, flags: 0, group, index: last[0], term: last[1] }),
    record({ kind: 2, flags: 3, group, term, body: votedFor }),
  ]);
}

const HEADER = header();

const replay = (...records: readonly Buffer[]) =>
  replaySegments([{ number: 1, path: '00000001.wal', bytes: Buffer.concat(records) }], OWNER);

describe('the bytes of a log', () => {
  test('are what the documentation says, to the byte', async () => {
    const folder = folders.create();
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    writer.queue({
      hardState: hardState(2 ** 40 + 1, 'n2'),
      truncateFrom: 1,
      entries: [entry(1, 1, 5, 'noop')],
    });
    await writer.settled(writer.queue({ entries: [entry(2, 3, 40), entry(3, 3, 0, 'config')] }));
    await writer.write({ hardState: hardState(7) });
    await writer.storage.close();
    const data = (index: number, term: number, size: number): string =>
      `${index}/${term};`.repeat(size).slice(0, size);
    const expected = Buffer.concat([
      HEADER,
      record({ kind: 2, flags: 0, group: 2, term: 2 ** 40 + 1, body: 'n2' }),
      record({ kind: 3, flags: 0, group: 2, index: 1 }),
      record({ kind: 4, flags: 1, group: 2, term: 1, index: 1, body: data(1, 1, 5) }),
      record({ kind: 5, flags: 0, group: 2, term: 3, index: 2, body: data(2, 3, 40) }),
      record({ kind: 6, flags: 3, group: 2, term: 3, index: 3 }),
      record({ kind: 2, group: 3, term: 7 }),
      record({ kind: 7, group: 4 }),
    ]);
    const [segment] = segmentsOf(folder);
    expect(segment?.bytes.subarray(0, expected.length).toString('hex')).toBe(expected.toString('hex'));
    expect(segment?.bytes.subarray(expected.length).some((byte) => byte !== 0)).toBe(false);
  });

  test('are read as the documentation says', () => {
    const { log } = replay(
      HEADER,
      record({ kind: 5, flags: 1, group: 2, term: 1, index: 1, body: '1/1;1/1;1/1;' }),
      record({ kind: 2, flags: 3, group: 2, term: 9, body: 'n3' }),
    );
    expect(plain(log)).toEqual(replayed([{ entries: entries(1, 1), hardState: hardState(9, 'n3') }]));
  });
});

describe('a segment that is whole and yet not ours to read', () => {
  test.each([
    { why: 'a newer format', bytes: record({ kind: 1, group: 1, index: 3, body: `${NAMES} and more` }) },
    { why: 'a format from before the first', bytes: record({ kind: 1, group: 1, index: 0, body: NAMES }) },
    { why: 'no owner', bytes: record({ kind: 1, group: 1, index: 1 }) },
    { why: 'a longer name than there is', bytes: record({ kind: 1, group: 1, index: 1, body: '\xffab' }) },
  ])('is foreign: $why', ({ bytes }) => {
    expect(() => replay(bytes)).toThrow(
      expect.objectContaining({ code: 'DATA_FOREIGN', message: expect.stringContaining('00000001.wal') }),
    );
  });

  const at = HEADER.length;
  const NOISE = record({ kind: 7, group: 3 });
  test.each([
    { why: 'no header', records: [record({ kind: 7, group: 1 })], offset: 0 },
    { why: 'a group is missing', records: [HEADER, record({ kind: 7, group: 4 })], offset: at },
    { why: 'a group comes twice', records: [HEADER, record({ kind: 5, group: 1, index: 1 })], offset: at },
    { why: 'an entry is missing', records: [HEADER, record({ kind: 5, group: 2, index: 2 })], offset: at },
    { why: 'an entry comes before the first', records: [HEADER, record({ kind: 5, group: 2 })], offset: at },
    { why: 'a cut before the first entry', records: [HEADER, record({ kind: 3, group: 2 })], offset: at },
    {
      why: 'a kind that does not exist',
      records: [HEADER, record({ kind: 10, group: 2 }), NOISE],
      offset: at,
    },
    {
      why: 'a flag that does not exist',
      records: [HEADER, record({ kind: 7, flags: 7, group: 2 }), NOISE],
      offset: at,
    },
  ])('is damaged: $why', ({ records, offset }) => {
    expect(() => replay(...records)).toThrow(
      expect.objectContaining({ code: 'DATA_DAMAGED', details: { path: '00000001.wal', offset } }),
    );
  });

  test.each([0xffff_ffff, 0x7fff_ffff, 16 * 1024 * 1024 + 1, 1_000])(
    'is damaged where a length of %i leads behind its end',
    (length) => {
      const lying = record({ kind: 5, group: 2, term: 1, index: 1, body: 'data' });
      lying.writeUInt32LE(length, 4);
      const follower = record({ kind: 7, group: 3 });
      expect(() => replay(HEADER, lying, follower)).toThrow(
        expect.objectContaining({ code: 'DATA_DAMAGED' }),
      );
      expect(plain(replay(HEADER, lying).log)).toEqual(replayed([]));
    },
  );
});

describe('a segment that was being begun when the power went', () => {
  test.each([
    { why: 'nothing but its name', keep: 0 },
    { why: 'half its header', keep: 20 },
    { why: 'all but a byte', keep: HEADER.length - 1 },
  ])('is begun again, and nothing of the one before it is lost: $why', async ({ keep }) => {
    const folder = folders.create();
    const options = { ...OWNER, maxSegmentBytes: 200 };
    const writer = startWriter(await openWal({ folder, ...options }));
    const first = { hardState: hardState(4, 'n2'), entries: entries(1, 3) };
    await writer.write(first);
    const { bytes = Buffer.alloc(0) } = segmentsOf(folder)[0] ?? {};
    await writer.storage.close();
    const next = header({ group: 3, last: [3, 1], term: 4, votedFor: 'n2' });
    const torn = folders.with([
      { name: '00000001.wal', bytes },
      { name: '00000002.wal', bytes: next.subarray(0, keep) },
    ]);
    const second = { entries: entries(4, 5, 4) };
    const storage = await openWal({ folder: torn, ...options });
    expect(plain(storage.recovered)).toEqual(replayed([first]));
    const again = startWriter(storage);
    await again.write(second);
    await again.storage.close();
    const last = await openWal({ folder: torn, ...options });
    expect(plain(last.recovered)).toEqual(replayed([first, second]));
    await last.close();
  });
});

describe('a folder of version 1', () => {
  const written = { entries: entries(1, 2, 3), hardState: hardState(3, 'n2') };
  const bytes = Buffer.concat([
    OLD_HEADER,
    record({ kind: 2, flags: 0, group: 2, term: 3, body: 'n2' }),
    record({ kind: 5, flags: 0, group: 2, term: 3, index: 1, body: '1/3;1/3;1/3;' }),
    record({ kind: 5, flags: 3, group: 2, term: 3, index: 2, body: '2/3;2/3;2/3;' }),
  ]);

  test('is read, and gone on with in a segment of version 2', async () => {
    const folder = folders.with([{ name: '00000001.wal', bytes }]);
    const storage = await openWal({ folder, ...OWNER });
    expect(plain(storage.recovered)).toEqual(replayed([written]));
    const writer = startWriter(storage);
    await writer.write({ entries: entries(3, 3, 3) });
    await storage.close();
    const [old, next] = segmentsOf(folder);
    expect(old?.bytes.subarray(0, bytes.length)).toEqual(bytes);
    // The mark of the opening is group 3.
    const begun = header({ group: 4, last: [2, 3], term: 3, votedFor: 'n2' });
    expect(next?.bytes.subarray(0, begun.length)).toEqual(begun);
    const again = await openWal({ folder, ...OWNER });
    expect(plain(again.recovered)).toEqual(replayed([written, { entries: entries(3, 3, 3) }]));
    await again.close();
    expect(segmentsOf(folder)).toHaveLength(2);
  });

  test('never stands first when what came before it is gone', async () => {
    const second = Buffer.concat([
      record({ kind: 1, group: 5, index: 1, body: NAMES }),
      record({ kind: 5, group: 6, term: 3, index: 1, body: 'data' }),
    ]);
    const folder = folders.with([{ name: '00000002.wal', bytes: second }]);
    await expect(openWal({ folder, ...OWNER })).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });
});
