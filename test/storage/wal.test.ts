import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import type { LogStorage } from '../../src/storage/port.ts';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import { openWalFile } from '../../src/storage/wal-file.ts';
import { type StorageUnderTest, storageContract } from './contract.ts';
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
import { snapshotContract } from './snapshot-contract.ts';
import { contentsOf, Folders, type Intercept, intercepted, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const open = (folder: string, options: Partial<WalOptions> = {}): Promise<LogStorage> =>
  openWal({ folder, ...OWNER, ...options });

const KINDS: readonly { readonly name: string; readonly options: Partial<WalOptions> }[] = [
  { name: 'wal', options: {} },
  { name: 'wal of tiny segments', options: { maxSegmentBytes: 500 } },
];

for (const { name, options } of KINDS) {
  const onDisk = async (): Promise<StorageUnderTest> => {
    let folder = folders.create();
    let syncs = 0;
    const lives: LogStorage[] = [];
    const openFile = intercepted((call) => {
      if (call === 'sync') syncs += 1;
      return undefined;
    });
    return {
      async open() {
        const storage = await open(folder, { ...options, openFile });
        lives.push(storage);
        return storage;
      },
      async crash() {
        folder = folders.copyOf(folder);
      },
      syncs() {
        const counted = syncs;
        syncs = 0;
        return counted;
      },
      async dispose() {
        await Promise.all(lives.map((storage) => storage.close()));
      },
    };
  };
  storageContract(name, onDisk);
  snapshotContract(name, onDisk);
}

describe('segments', () => {
  test('a new one is begun when the last is full, and all are replayed in order', async () => {
    const folder = folders.create();
    const writes: WriteParts[] = [];
    const writer = startWriter(await open(folder, { maxSegmentBytes: 2_000 }));
    for (let index = 1; index <= 40; index += 1) {
      const parts: WriteParts = { hardState: hardState(index), entries: [entry(index, index, 300)] };
      writes.push(parts);
      await writer.write(parts);
    }
    await writer.storage.close();
    const names = segmentsOf(folder).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(5);
    expect(names.slice(0, 2)).toEqual(['00000001.wal', '00000002.wal']);
    const again = await open(folder, { maxSegmentBytes: 2_000 });
    expect(plain(again.recovered)).toEqual(replayed(writes));
    await again.close();
  });

  test('preallocated space does not count as log, and is given back at the next opening', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    await writer.write({ entries: entries(1, 1) });
    const segment = join(folder, '00000001.wal');
    expect(statSync(segment).size).toBe(256 * 1024);
    const copy = folders.copyOf(folder);
    await writer.storage.close();
    const again = await open(copy);
    expect(again.recovered.entries).toHaveLength(1);
    expect(statSync(join(copy, '00000001.wal')).size).toBeLessThan(1_000);
    await again.close();
  });

  test.each([
    { why: 'the first', remove: 0 },
    { why: 'one in the middle', remove: 2 },
  ])('a missing segment is damage, not a shorter log: $why', async ({ remove }) => {
    const folder = folders.create();
    const writer = startWriter(await open(folder, { maxSegmentBytes: 500 }));
    // Truncations keep the entry numbers free of gaps, so that only the groups can tell.
    for (let round = 1; round <= 6; round += 1) {
      await writer.write({ truncateFrom: 1, entries: [entry(1, round, 600)] });
    }
    await writer.storage.close();
    const segments = segmentsOf(folder);
    const left = folders.with(segments.filter((_, at) => at !== remove));
    await expect(open(left)).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });
});

describe('a folder of somebody else', () => {
  test.each([
    { why: 'another cluster', owner: { ...OWNER, clusterId: clusterId('cluster-b') }, names: 'cluster-a' },
    { why: 'another node of this cluster', owner: { ...OWNER, nodeId: nodeId('n2') }, names: 'n1' },
    {
      why: 'names that only look alike when put together',
      owner: { clusterId: clusterId('cluster-'), nodeId: nodeId('an1') },
      names: 'cluster-a',
    },
  ])('is refused and left as it was: $why', async ({ owner, names }) => {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    await writer.write({ entries: entries(1, 2) });
    await writer.storage.close();
    const before = contentsOf(folder);
    await expect(openWal({ folder, ...owner })).rejects.toMatchObject({
      code: 'DATA_FOREIGN',
      message: expect.stringContaining(names),
    });
    expect(contentsOf(folder)).toEqual(before);
    // The refusal has given the lock back.
    const again = await open(folder);
    expect(again.recovered.entries).toHaveLength(2);
    await again.close();
  });

  test('a folder in use is refused with the pid of its user', async () => {
    const folder = folders.create();
    const first = await open(folder);
    await expect(open(folder)).rejects.toMatchObject({
      code: 'DATA_LOCKED',
      details: { folder, pid: process.pid },
    });
    await first.close();
    await (await open(folder)).close();
  });

  test('a folder that cannot be made is a disk that failed', async () => {
    const file = join(folders.with([{ name: 'file', bytes: Buffer.from('x') }]), 'file');
    await expect(open(join(file, 'data'))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(existsSync(file)).toBe(true);
  });
});

/** Refuses the call of this kind after `after` of them. */
function failing(kind: 'open' | 'write' | 'sync', after: number): { intercept: Intercept; calls: string[] } {
  const calls: string[] = [];
  let seen = 0;
  const intercept: Intercept = (call) => {
    calls.push(call);
    if (call === kind) seen += 1;
    return call === kind && seen > after ? new Error(`${kind}: input/output error`) : undefined;
  };
  return { intercept, calls };
}

describe('a disk that fails (pitfall 22)', () => {
  test.each([
    // Opening a new log writes and syncs its header once.
    { why: 'the sync', kind: 'sync', after: 3, acknowledged: [1, 2] },
    { why: 'the write (no space left)', kind: 'write', after: 2, acknowledged: [1] },
    { why: 'the next segment', kind: 'open', after: 1, acknowledged: [1] },
  ] as const)('is told once, nothing later is acknowledged, nothing is tried again: $why', async (row) => {
    const { intercept, calls } = failing(row.kind, row.after);
    const folder = folders.create();
    const maxSegmentBytes = row.kind === 'open' ? 200 : 1_000_000;
    const writer = startWriter(await open(folder, { openFile: intercepted(intercept), maxSegmentBytes }));
    for (let index = 1; index <= row.acknowledged.length + 1; index += 1) {
      await writer.write({ entries: [entry(index, 1, 300)] });
    }
    const callsAtFailure = calls.length;
    const late = writer.queue({ entries: [entry(9)] });
    await writer.settled(late);
    await writer.storage.close();
    expect(writer.durable).toEqual(row.acknowledged);
    expect(writer.failures).toMatchObject([{ code: 'DISK_FAILED' }]);
    expect(writer.failures[0]?.message).toContain(`${row.kind}: input/output error`);
    expect(calls).toHaveLength(callsAtFailure);
    const again = await open(folder);
    expect(again.recovered.entries.length).toBeGreaterThanOrEqual(row.acknowledged.length);
    await again.close();
  });

  test('what queued behind the failed group is not acknowledged either', async () => {
    const writer = startWriter(
      await open(folders.create(), { openFile: intercepted(failing('sync', 1).intercept) }),
    );
    const first = writer.queue({ entries: [entry(1)] });
    await Promise.resolve();
    writer.queue({ entries: [entry(2)] });
    await writer.settled(first);
    await writer.storage.close();
    expect(writer.durable).toEqual([]);
    expect(writer.failures).toHaveLength(1);
  });

  test.each(['open', 'write', 'sync'] as const)(
    'at opening: %s fails, the folder is free again',
    async (kind) => {
      const folder = folders.create();
      const openFile = intercepted(failing(kind, 0).intercept);
      await expect(open(folder, { openFile })).rejects.toMatchObject({ code: 'DISK_FAILED' });
      await (await open(folder)).close();
    },
  );

  test('at closing: the file does not close, the folder is free again', async () => {
    const folder = folders.create();
    const storage = await open(folder, {
      openFile: async (path) => {
        const file = await openWalFile(path);
        const close = async (): Promise<void> => {
          await file.close();
          throw new Error('close: input/output error');
        };
        return { ...file, close };
      },
    });
    await expect(storage.close()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await (await open(folder)).close();
  });

  test('recovery writes the last group again, for its pages may be clean without being on the disk', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    await writer.write({ entries: entries(1, 3) });
    const copy = folders.copyOf(folder);
    await writer.storage.close();
    const { intercept, calls } = failing('sync', 99);
    const again = await open(copy, { openFile: intercepted(intercept) });
    // The group and its sync before anything builds on it; then the mark.
    expect(calls).toEqual(['open', 'write', 'sync', 'write', 'sync']);
    await again.close();
  });
});
