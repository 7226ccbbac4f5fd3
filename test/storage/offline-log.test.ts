import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkData, findOfflineLog, ownerOf, readOfflineSegment } from '../../src/storage/offline-log.ts';
import { readStretches } from '../../src/storage/offline-segment.ts';
import { openWal } from '../../src/storage/wal.ts';
import { entries, hardState, OWNER, startWriter } from './log-writes.ts';
import { Folders } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

/** A closed log of six entries in two groups, and its only segment. */
async function closedLog(): Promise<{
  readonly folder: string;
  readonly path: string;
  readonly bytes: Buffer;
}> {
  const folder = folders.create();
  const writer = startWriter(await openWal({ folder, ...OWNER }));
  await writer.write({ hardState: hardState(1), entries: entries(1, 3) });
  await writer.write({ entries: entries(4, 6) });
  await writer.storage.close();
  const path = join(folder, '00000001.wal');
  return { folder, path, bytes: readFileSync(path) };
}

const look = (bytes: Buffer, { durableBytes = 0, hasSuccessor = false } = {}) =>
  [...readStretches({ bytes, durableBytes, hasSuccessor })].map((stretch) => {
    const { offset, end, type } = stretch;
    return { type: type === 'record' ? stretch.record.kind : type, offset, end };
  });

/** Where the record of entry `index` lies. */
function placeOf(bytes: Buffer, index: number): { readonly offset: number; readonly end: number } {
  for (const stretch of readStretches({ bytes, durableBytes: 0, hasSuccessor: false })) {
    if (stretch.type === 'record' && stretch.record.kind === 'entry' && stretch.record.entry.index === index)
      return { offset: stretch.offset, end: stretch.end };
  }
  throw new Error(`entry ${index} is not there`);
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

describe('a segment read as it lies there', () => {
  test('is told from its first byte to its last, record by record', async () => {
    const { bytes } = await closedLog();
    const found = look(bytes);
    const kinds = ['segment', 'start', 'hard-state', 'hard-state'];
    const entry = 'entry';
    const expected = [...kinds, entry, entry, entry, entry, entry, entry, 'mark', 'zeros'];
    expect(found.map(({ type }) => type)).toEqual(expected);
    expect(found.map(({ offset }) => offset)).toEqual([0, ...found.map(({ end }) => end).slice(0, -1)]);
    expect(found.at(-1)?.end).toBe(bytes.length);
  });

  test('goes on behind damage', async () => {
    const { bytes } = await closedLog();
    const { offset, end } = placeOf(bytes, 2);
    const found = look(flip(bytes, offset + 33));
    expect(found.filter(({ type }) => type === 'damaged')).toEqual([{ type: 'damaged', offset, end }]);
    expect(found.filter(({ type }) => type === 'entry')).toHaveLength(5);
  });

  test.each([
    { why: 'nobody was told of it', given: {}, type: 'torn' },
    { why: 'a segment follows', given: { hasSuccessor: true }, type: 'damaged' },
    { why: 'the second mark covers it', given: { durableBytes: 1e6 }, type: 'damaged' },
  ])('has a bad end that is $type: $why', async ({ given, type }) => {
    const { bytes } = await closedLog();
    const { offset, end } = placeOf(bytes, 6);
    const cut = bytes.subarray(0, end - 1);
    expect(look(cut, given).at(-1)).toEqual({ type, offset, end: cut.length });
  });

  test('is damage all over when nothing of it can be read', () => {
    const noise = Buffer.alloc(700, 0xa5);
    expect(look(noise)).toEqual([{ type: 'damaged', offset: 0, end: 700 }]);
  });
});

describe('finding a log', () => {
  test('in the folder of a node, in that of the log, or a segment of it', async () => {
    const { folder, path } = await closedLog();
    for (const place of [folder, path]) {
      expect(await findOfflineLog(place)).toMatchObject({ folder, segments: [path], heldBy: undefined });
    }
    expect(ownerOf([path])).toEqual(OWNER);
  });

  test('names the process that uses it', async () => {
    const folder = folders.create();
    const { storage } = startWriter(await openWal({ folder, ...OWNER }));
    expect(await findOfflineLog(folder)).toMatchObject({ heldBy: process.pid });
    await storage.close();
  });

  test('says what is no log', async () => {
    const folder = folders.with([{ name: 'notes.txt', bytes: Buffer.from('hello') }]);
    const none = (place: string) => findOfflineLog(place);
    await expect(none(join(folder, 'gone'))).rejects.toThrow(/no such file or folder/);
    await expect(none(folder)).rejects.toThrow(/holds no log: there is no \*\.wal file in it/);
    expect(() => readOfflineSegment(join(folder, 'notes.txt'))).toThrow(/is no segment of a log/);
  });
});

describe('checking data without opening them', () => {
  test('says what a start would find, and changes nothing', async () => {
    const { folder, path, bytes } = await closedLog();
    const summary = await checkData(folder, OWNER);
    expect(summary).toMatchObject({ segments: 1, lastIndex: 6, term: 1, snapshotIndex: 0 });
    expect(readFileSync(path)).toEqual(bytes);
  });

  test('of a node at work is the same', async () => {
    const folder = folders.create();
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    await writer.write({ hardState: hardState(1), entries: entries(1, 3) });
    expect(await checkData(folder, OWNER)).toMatchObject({ lastIndex: 3 });
    await writer.storage.close();
  });

  test.each([
    { why: 'a flipped bit', harm: (path: string, bytes: Buffer) => writeFileSync(path, flip(bytes, 200)) },
    {
      why: 'a lost end',
      harm: (path: string, bytes: Buffer) => truncateSync(path, placeOf(bytes, 5).offset),
    },
  ])('names file and offset of damage: $why', async ({ harm }) => {
    const { folder, path, bytes } = await closedLog();
    harm(path, bytes);
    await expect(checkData(folder, OWNER)).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
      message: expect.stringMatching(/00000001\.wal at byte \d+/),
    });
  });
});
