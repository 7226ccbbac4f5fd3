import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { type OpenWalFile, openWalFile } from '../../src/storage/wal-file.ts';
import { type DurableEnd, lossOf, readWitness, WalWitness } from '../../src/storage/wal-witness.ts';
import {
  entry,
  hardState,
  OWNER,
  plain,
  position,
  replayed,
  startWriter,
  type WriteParts,
} from './log-writes.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const open = (folder: string, maxSegmentBytes = 1_000_000) => openWal({ folder, ...OWNER, maxSegmentBytes });

const WRITES: readonly WriteParts[] = Array.from({ length: 45 }, (_, at) => ({
  entries: [entry(at + 1, 1, 253)],
}));

/** A folder with three segments, as a killed process leaves it when it was at rest. */
async function killed(): Promise<string> {
  const folder = folders.create();
  const writer = startWriter(await open(folder, 5_000));
  for (const write of WRITES) await writer.write(write);
  await wordOf(folder, 3);
  const copy = folders.copyOf(folder);
  await writer.storage.close();
  return copy;
}

/** Waits until a witness speaks of a segment: it is written beside the log. */
async function wordOf(folder: string, segment: number): Promise<DurableEnd> {
  for (;;) {
    const word = await readWitness(folder);
    if (word?.segment === segment) return word;
  }
}

describe('a log whose process was killed', () => {
  test('goes on', async () => {
    const storage = await open(await killed());
    expect(plain(storage.recovered)).toEqual(replayed(WRITES));
    await storage.close();
  });

  test('is refused when its last segment is gone, file and all', async () => {
    const folder = await killed();
    rmSync(join(folder, '00000003.wal'));
    await expect(open(folder)).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
      message: expect.stringContaining('00000003.wal at byte 0: the segment is gone'),
    });
  });

  test('is refused when all of it is gone', async () => {
    const folder = await killed();
    for (const { name } of segmentsOf(folder)) rmSync(join(folder, name));
    await expect(open(folder)).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });

  test('is refused when a record rotted that would be taken for a torn tail otherwise', async () => {
    const folder = await killed();
    const { bytes } = segmentsOf(folder)[2] ?? { bytes: Buffer.alloc(0) };
    const word = await wordOf(folder, 3);
    bytes[word.bytes - 1] = 0xff;
    writeFileSync(join(folder, '00000003.wal'), bytes);
    await expect(open(folder)).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
      message: expect.stringContaining(`it was durable up to byte ${word.bytes}`),
    });
  });
});

describe('a witness', () => {
  test('is on the disk soon after its last word, although nothing is written any more', async () => {
    const folder = folders.create();
    mkdirSync(folder, { recursive: true });
    const calls: ('write' | 'sync')[] = [];
    let quiet: (() => void) | undefined;
    const atRest = new Promise<void>((resolve) => {
      quiet = resolve;
    });
    const openFile: OpenWalFile = async (path) => {
      const file = await openWalFile(path);
      return {
        ...file,
        write: (bytes, at, done) => {
          calls.push('write');
          file.write(bytes, at, done);
        },
        sync: (done) => {
          calls.push('sync');
          if (calls.lastIndexOf('write') > 0) quiet?.();
          file.sync(done);
        },
      };
    };
    const witness = await WalWitness.open(folder, OWNER, { openFile, pauseMs: 0, syncEveryMs: 20 });
    const tail = { hardState: hardState(1), last: position(1, 1) };
    for (const group of [1, 2, 3]) witness.note({ segment: 1, bytes: group * 100, group, tail });
    await atRest;
    expect(calls.filter((call) => call === 'write')).toHaveLength(2);
    expect(calls.at(-1)).toBe('sync');
    await witness.close(undefined);
    expect((await readWitness(folder))?.bytes).toBe(300);
  });

  test('is told while a sync of it is still to come', async () => {
    const folder = folders.create();
    mkdirSync(folder, { recursive: true });
    const witness = await WalWitness.open(folder, OWNER, { pauseMs: 0, syncEveryMs: 1e9 });
    const tail = { hardState: hardState(1), last: position(1, 1) };
    for (const bytes of [100, 200, 300]) {
      witness.note({ segment: 1, bytes, group: bytes, tail });
      while ((await wordOf(folder, 1)).bytes !== bytes);
    }
    await witness.close(undefined);
  });

  test('that is torn or missing says nothing, or what it said before', async () => {
    const folder = await killed();
    const word = await wordOf(folder, 3);
    const slots = Buffer.alloc(1_024);
    for (const [why, bytes] of [
      ['empty', Buffer.alloc(0)],
      ['zeros', slots],
      ['noise', Buffer.alloc(1_024, 0xa5)],
    ] as const) {
      writeFileSync(join(folder, 'durable'), bytes);
      expect(await readWitness(folder), why).toBeUndefined();
    }
    rmSync(join(folder, 'durable'));
    expect(await readWitness(folder)).toBeUndefined();
    const storage = await open(folder);
    expect(storage.recovered.entries).toHaveLength(45);
    await storage.close();
    expect((await readWitness(folder))?.bytes).toBeGreaterThan(word.bytes);
  });

  test.each([
    { why: 'the log is as long', found: { segment: 2, bytes: 100 }, is: 'whole' },
    { why: 'the log has gone on since', found: { segment: 2, bytes: 101 }, is: 'whole' },
    { why: 'the log has begun another segment since', found: { segment: 3, bytes: 0 }, is: 'whole' },
    { why: 'the log is shorter', found: { segment: 2, bytes: 99 }, is: 'DATA_DAMAGED' },
    { why: 'a segment is missing', found: { segment: 1, bytes: 5_000 }, is: 'DATA_DAMAGED' },
  ])('$why', ({ found, is }) => {
    expect(lossOf('x', found, { segment: 2, bytes: 100 })?.code ?? 'whole').toBe(is);
    expect(lossOf('x', found, undefined)).toBeUndefined();
  });
});
