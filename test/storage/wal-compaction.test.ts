import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { logIndex } from '../../src/protocol/ids.ts';
import type { LogStorage } from '../../src/storage/port.ts';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import {
  entries,
  entry,
  hardState,
  OWNER,
  plain,
  position,
  replayed,
  snapshotAt,
  startWriter,
  type WriteParts,
  type Writer,
} from './log-writes.ts';
import { got, pieces, save } from './snapshots.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const open = (folder: string, options: Partial<WalOptions> = {}): Promise<LogStorage> =>
  openWal({ folder, ...OWNER, maxSegmentBytes: 500, ...options });

const namesOf = (folder: string): readonly string[] => segmentsOf(folder).map(({ name }) => name);

/** Entries 1 to `last`, some two of them to a segment, each of a term of its own. */
async function filled(folder: string, last: number): Promise<Writer> {
  const writer = startWriter(await open(folder));
  for (let index = 1; index <= last; index += 1) {
    await writer.write({ hardState: hardState(index, 'n1'), entries: [entry(index, index, 200)] });
  }
  return writer;
}

async function compact({ storage }: Writer, index: number, term = index): Promise<void> {
  got(await save(storage.snapshots, snapshotAt(index, term), pieces(1)));
  storage.compact(logIndex(index));
}

describe('compaction', () => {
  test('removes the segments that lie wholly below, and no other', async () => {
    const folder = folders.create();
    const writer = await filled(folder, 20);
    const before = namesOf(folder);
    await compact(writer, 15);
    await writer.storage.close();
    const after = namesOf(folder);
    expect(after).toEqual(before.slice(-after.length));
    const again = await open(folder);
    const { base, entries: kept } = again.recovered;
    expect(base.index).toBeLessThanOrEqual(15);
    // Another segment less, and entry 16 would be gone.
    expect(base.index).toBeGreaterThan(12);
    expect(base.term).toBe(base.index);
    expect(kept.at(-1)).toMatchObject({ index: 20, term: 20 });
    expect(again.recovered.hardState).toEqual(hardState(20, 'n1'));
    await again.close();
  });

  test('keeps what the vote and the term were, though nothing that said so is left', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    await writer.write({ hardState: hardState(7, 'n2'), entries: [entry(1, 7, 600)] });
    await writer.write({ entries: [entry(2, 7, 600)] });
    await writer.write({ entries: [entry(3, 7)] });
    await compact(writer, 2, 7);
    await writer.storage.close();
    expect(namesOf(folder)).toEqual(['00000003.wal']);
    const again = await open(folder);
    expect(plain(again.recovered)).toEqual(
      replayed([{ restartAt: position(2, 7), entries: [entry(3, 7)], hardState: hardState(7, 'n2') }]),
    );
    await again.close();
  });

  test('ends a segment that is large enough, so that the next compaction can free it', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder, { maxSegmentBytes: 10_000 }));
    await writer.write({ entries: [entry(1, 1, 800)] });
    await compact(writer, 1);
    await writer.write({ entries: [entry(2)] });
    expect(namesOf(folder)).toEqual(['00000001.wal']);
    await writer.write({ entries: [entry(3, 1, 2_000)] });
    await compact(writer, 3, 1);
    await writer.write({ entries: [entry(4)] });
    await writer.storage.close();
    expect(namesOf(folder)).toEqual(['00000002.wal']);
  });

  test('goes on under steady writing', async () => {
    const folder = folders.create();
    const writer = await filled(folder, 20);
    got(await save(writer.storage.snapshots, snapshotAt(18, 18), pieces(1)));
    let sequence = writer.queue({ entries: [entry(21, 20)] });
    writer.storage.compact(logIndex(18));
    for (let index = 22; index <= 60; index += 1) {
      const settled = writer.settled(sequence);
      sequence = writer.queue({ entries: [entry(index, 20)] });
      await settled;
    }
    await writer.storage.close();
    const again = await open(folder);
    expect(again.recovered.base.index).toBeGreaterThan(12);
    expect(again.recovered.entries.at(-1)?.index).toBe(60);
    await again.close();
  });

  test('frees what came before a new beginning', async () => {
    const folder = folders.create();
    const writer = await filled(folder, 20);
    got(await save(writer.storage.snapshots, snapshotAt(50, 20), pieces(1)));
    await writer.write({ restartAt: position(50, 20), entries: [entry(51, 20)] });
    await writer.storage.close();
    expect(namesOf(folder)).toHaveLength(1);
    const again = await open(folder);
    expect(plain(again.recovered)).toEqual(
      replayed([{ restartAt: position(50, 20), entries: [entry(51, 20)], hardState: hardState(20, 'n1') }]),
    );
    await again.close();
  });

  test('whose removal the disk refuses is told as a disk that failed', async () => {
    const folder = folders.create();
    const writer = await filled(folder, 20);
    rmSync(join(folder, '00000001.wal'));
    await compact(writer, 15);
    await writer.storage.close();
    expect(writer.failures).toMatchObject([{ code: 'DISK_FAILED' }]);
  });
});

interface Removal {
  readonly why: string;
  readonly writes: readonly WriteParts[];
  readonly snapshot: readonly [number, number];
}

/** Notes the segments of a folder as they are now, and gives their number. */
function remember(seen: Map<string, Buffer>, folder: string): number {
  const segments = segmentsOf(folder);
  for (const { name, bytes } of segments) seen.set(name, bytes);
  return segments.length;
}

describe('a crash in the middle of the removals', () => {
  test.each<Removal>([
    {
      why: 'a log that only grew',
      writes: Array.from({ length: 20 }, (_, at) => ({ entries: [entry(at + 1, at + 1, 200)] })),
      snapshot: [15, 15],
    },
    {
      why: 'segments between that cut what lay before them',
      writes: [
        ...Array.from({ length: 6 }, (_, at) => ({ entries: [entry(at + 1, 1, 300)] })),
        { truncateFrom: 3, entries: [entry(3, 2, 600)] },
        { truncateFrom: 2, entries: [entry(2, 3, 600)] },
        ...Array.from({ length: 6 }, (_, at) => ({ entries: [entry(at + 3, 3, 300)] })),
      ],
      snapshot: [7, 3],
    },
    {
      why: 'a cut after which a segment cannot say of what term the last entry is',
      writes: [
        { entries: [entry(1, 1, 300), entry(2, 1, 300)] },
        { entries: [entry(3, 1, 600)] },
        { truncateFrom: 2 },
        { entries: [entry(2, 2, 600)] },
        { truncateFrom: 2 },
        { entries: [entry(2, 3, 600)] },
        ...Array.from({ length: 6 }, (_, at) => ({ entries: [entry(at + 3, 3, 300)] })),
      ],
      snapshot: [6, 3],
    },
    {
      why: 'a new beginning below the end of what lay before',
      writes: [
        ...Array.from({ length: 20 }, (_, at) => ({ entries: [entry(at + 1, 1, 200)] })),
        { restartAt: position(10, 2), entries: [entry(11, 2, 600)] },
        { entries: [entry(12, 2)] },
      ],
      snapshot: [10, 2],
    },
  ])('leaves a log that reads the same, whichever are gone: $why', async ({ writes, snapshot }) => {
    const [index, term] = snapshot;
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    got(await save(writer.storage.snapshots, snapshotAt(index, term), pieces(1)));
    // A restart frees at once what is before it.
    const seen = new Map<string, Buffer>();
    for (const write of writes) {
      remember(seen, folder);
      await writer.write(write);
    }
    remember(seen, folder);
    writer.storage.compact(logIndex(index));
    await writer.storage.close();
    const last = remember(seen, folder);
    const segments = [...seen].sort(([left], [right]) => left.localeCompare(right));
    expect(segments.length - last).toBeGreaterThan(1);
    const model = replayed(writes).entries;
    for (let gone = 0; gone <= segments.length - last; gone += 1) {
      const half = folders.copyOf(folder);
      for (const { name } of segmentsOf(half)) rmSync(join(half, name));
      for (const [name, bytes] of segments.slice(gone)) writeFileSync(join(half, name), bytes);
      const storage = await open(half);
      const { base } = storage.recovered;
      expect(base.index, `${gone} gone`).toBeLessThanOrEqual(index);
      const found = plain(storage.recovered).entries;
      expect(found, `${gone} gone`).toEqual(model.filter(([at]) => at > base.index));
      await storage.close();
      await (await open(half)).close();
    }
  });

  test('is not taken for one that lost a segment in between', async () => {
    const folder = folders.create();
    const writer = await filled(folder, 20);
    await compact(writer, 8);
    await writer.storage.close();
    const names = namesOf(folder);
    expect(names.length).toBeGreaterThan(3);
    rmSync(join(folder, names[2] ?? ''));
    await expect(open(folder)).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });

  test('is not taken for one that lost its only segment to a bad sector', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    for (const at of [1, 2]) await writer.write({ entries: entries(at, at), truncateFrom: at });
    await writer.write({ entries: [entry(3, 1, 600)] });
    await writer.write({ entries: [entry(4)] });
    await compact(writer, 3, 1);
    await writer.storage.close();
    const [only] = segmentsOf(folder);
    writeFileSync(join(folder, only?.name ?? ''), Buffer.alloc(100));
    await expect(open(folder)).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });
});
