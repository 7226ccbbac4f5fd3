import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { type OpenWalFile, openWalFile, type WalFile } from '../../src/storage/wal-file.ts';
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
import { Folders, intercepted, segmentsOf } from './wal-folder.ts';

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
  const copy = folders.copyOf(folder);
  await writer.storage.close();
  return copy;
}

const wordOf = async (folder: string): Promise<DurableEnd> =>
  (await readWitness(folder)) ?? { segment: 0, bytes: 0 };

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
    const word = await wordOf(folder);
    bytes[word.bytes - 1] = 0xff;
    writeFileSync(join(folder, '00000003.wal'), bytes);
    await expect(open(folder)).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
      message: expect.stringContaining(`it was durable up to byte ${word.bytes}`),
    });
  });
});

describe('a witness', () => {
  test('speaks of every write before anybody hears of it, and of what an opening has found', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder, 3_000));
    for (let index = 1; index <= 30; index += 1) {
      await writer.write({ entries: [entry(index, 1, 253)] });
      expect((await readWitness(folder))?.tail.last).toEqual(position(index, 1));
    }
    const copy = folders.copyOf(folder);
    await writer.storage.close();
    rmSync(join(copy, 'durable'));
    const next = await open(copy);
    expect((await readWitness(copy))?.tail.last).toEqual(position(30, 1));
    await next.close();
  });

  const tail = { hardState: hardState(1), last: position(1, 1) };
  const wordAt = (bytes: number) => ({ segment: 1, bytes, group: bytes, tail });

  async function recorded(syncAfterMs: number) {
    const folder = folders.create();
    mkdirSync(folder, { recursive: true });
    const calls: string[] = [];
    const onSync = new Set<() => void>();
    const openFile: OpenWalFile = async (path) => {
      const file = await openWalFile(path);
      const write: WalFile['write'] = (bytes, at, done) => {
        calls.push(`write ${at}`);
        file.write(bytes, at, done);
      };
      const sync: WalFile['sync'] = (done) => {
        calls.push('sync');
        file.sync(done);
        for (const tell of onSync) tell();
      };
      return { write, sync, close: () => file.close() };
    };
    const witness = await WalWitness.open(folder, OWNER, wordAt(0), { openFile, syncAfterMs });
    const told: number[] = [];
    const tell = (bytes: number): Promise<void> =>
      new Promise((resolve) => {
        witness.tell(wordAt(bytes), () => {
          told.push(bytes);
          resolve();
        });
      });
    const synced = new Promise<void>((resolve) => onSync.add(resolve));
    return { folder, witness, calls, told, tell, synced };
  }

  test('takes turns, and says only the last of what came while it spoke', async () => {
    const { folder, witness, calls, told, tell } = await recorded(2 ** 31 - 1);
    const first = tell(100);
    void tell(200);
    await Promise.all([first, tell(300)]);
    await tell(400);
    await witness.close(undefined);
    expect(told).toEqual([100, 300, 400]);
    expect(calls).toEqual(['write 512', 'sync', 'write 0', 'write 512', 'write 0']);
    expect((await wordOf(folder)).bytes).toBe(400);
  });

  test('is synced soon after its last word, although nothing is written any more', async () => {
    const { witness, calls, tell, synced } = await recorded(0);
    await tell(100);
    await synced;
    await witness.close(undefined);
    expect(calls).toEqual(['write 512', 'sync', 'write 0', 'sync']);
  });

  test.each(['write', 'sync'] as const)('that cannot %s is a disk that failed', async (call) => {
    const folder = folders.create();
    let isFailing = false;
    const openFile = intercepted((made) => (made === call && isFailing ? new Error('EIO') : undefined));
    const options = { folder, ...OWNER, witness: { openFile, syncAfterMs: 0 } };
    const writer = startWriter(await openWal(options));
    await writer.write({ entries: [entry(1)] });
    isFailing = true;
    let written = 1;
    while (writer.failures.length === 0) {
      written += 1;
      await writer.write({ entries: [entry(written)] });
    }
    await writer.storage.close();
    expect(writer.failures).toMatchObject([{ code: 'DISK_FAILED' }]);
    expect(writer.durable.at(-1)).toBe(written - 1);
  });

  test('that is torn or missing says nothing, or what it said before', async () => {
    const folder = await killed();
    const word = await wordOf(folder);
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
