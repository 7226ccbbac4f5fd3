import { describe, expect, test } from 'vitest';
import { type MemoryStorage, openMemoryStorage } from '../../src/storage/memory.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { type StorageUnderTest, storageContract } from './contract.ts';
import { entries, entry, hardState, startWriter } from './log-writes.ts';
import { snapshotContract } from './snapshot-contract.ts';

async function onMemory(): Promise<StorageUnderTest> {
  const disk = new MemoryDisk();
  const opened = new Map<object, MemoryStorage>();
  let syncs = 0;
  return {
    async open() {
      const storage = openMemoryStorage(disk, {
        scheduleSync: (complete) => {
          syncs += 1;
          setImmediate(complete);
        },
      });
      opened.set(storage, storage);
      return storage;
    },
    async crash(storage) {
      opened.get(storage)?.crash(0);
    },
    syncs() {
      const counted = syncs;
      syncs = 0;
      return counted;
    },
    dispose: async () => undefined,
  };
}

storageContract('memory', onMemory);
snapshotContract('memory', onMemory);

/** A disk whose syncs end when the test says so. */
function manualDisk() {
  const disk = new MemoryDisk();
  const completions: (() => void)[] = [];
  const open = () => openMemoryStorage(disk, { scheduleSync: (complete) => void completions.push(complete) });
  return { disk, open, completions };
}

describe('a disk in memory', () => {
  test.each([0, 1, 2, 3, 4, 5])('keeps the %i survivors of five unsynced writes', (survivors) => {
    const { disk, open } = manualDisk();
    const storage = open();
    const writer = startWriter(storage);
    for (let index = 1; index <= 5; index += 1) writer.queue({ entries: [entry(index)] });
    expect(storage.unsynced).toBe(5);
    storage.crash(survivors);
    expect(disk.lastIndex).toBe(survivors);
    expect(open().recovered.entries).toHaveLength(survivors);
    expect(writer.durable).toEqual([]);
  });

  test('a sync covers what was queued when it began, and no more', () => {
    const { disk, open, completions } = manualDisk();
    const writer = startWriter(open());
    writer.queue({ entries: [entry(1)] });
    writer.queue({ entries: [entry(2)] });
    completions.shift()?.();
    expect(writer.durable).toEqual([1]);
    expect(disk.lastIndex).toBe(1);
    completions.shift()?.();
    expect(writer.durable).toEqual([1, 2]);
  });

  test('a completion that comes after the crash changes nothing', () => {
    const { disk, open, completions } = manualDisk();
    const storage = open();
    const writer = startWriter(storage);
    writer.queue({ entries: entries(1, 3), hardState: hardState(2, 'n1') });
    storage.crash(0);
    const late = completions.shift();
    const next = startWriter(open());
    late?.();
    expect(writer.durable).toEqual([]);
    expect(disk.lastIndex).toBe(0);
    next.queue({ entries: [entry(1, 2)] });
    completions.shift()?.();
    expect(disk.entryAt(entry(1).index)?.term).toBe(2);
  });

  test('an older life writes into the void', () => {
    const { disk, open, completions } = manualDisk();
    const old = startWriter(open());
    old.queue({ entries: [entry(1)] });
    open();
    completions.shift()?.();
    old.queue({ entries: [entry(2)] });
    expect(completions).toEqual([]);
    expect(disk.lastIndex).toBe(0);
    expect(old.durable).toEqual([]);
  });

  test('tells of a failed sync once, and acknowledges nothing later', () => {
    const { disk, open, completions } = manualDisk();
    const storage = open();
    const writer = startWriter(storage);
    writer.queue({ entries: [entry(1)] });
    writer.queue({ entries: [entry(2)] });
    storage.failNextSync(new Error('input/output error'));
    completions.shift()?.();
    writer.queue({ entries: [entry(3)] });
    expect(completions).toEqual([]);
    expect(writer.failures.map(({ message }) => message)).toEqual(['input/output error']);
    expect(writer.durable).toEqual([]);
    expect(disk.lastIndex).toBe(0);
  });

  test('closing does not wait for a sync that the crash took', async () => {
    const { open } = manualDisk();
    const storage = open();
    startWriter(storage).queue({ entries: [entry(1)] });
    const closing = storage.close();
    storage.crash(0);
    await expect(closing).resolves.toBeUndefined();
  });
});
