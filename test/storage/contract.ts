import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogStorage } from '../../src/storage/port.ts';
import { entries, entry, hardState, plain, replayed, startWriter, type WriteParts } from './log-writes.ts';

/** One disk, and storages that are opened on it one after the other. */
export interface StorageUnderTest {
  open(): Promise<LogStorage>;
  /** The process is gone without a word; what was acknowledged stays. */
  crash(storage: LogStorage): Promise<void>;
  /** Syncs since the last call. */
  syncs(): number;
  dispose(): Promise<void>;
}

interface Story {
  readonly why: string;
  readonly writes: readonly WriteParts[];
}

const STORIES: readonly Story[] = [
  { why: 'nothing was written', writes: [] },
  { why: 'a vote is remembered before there is any entry', writes: [{ hardState: hardState(3, 'n2') }] },
  {
    why: 'a vote is forgotten with its term',
    writes: [{ hardState: hardState(3, 'n2') }, { hardState: hardState(4) }],
  },
  { why: 'entries alone leave the hard state as it is', writes: [{ entries: entries(1, 3) }] },
  {
    why: 'one write carries all three parts',
    writes: [
      { entries: entries(1, 4) },
      { hardState: hardState(2, 'n3'), truncateFrom: 3, entries: entries(3, 5, 2) },
    ],
  },
  {
    why: 'a log is cut without anything in its place',
    writes: [{ entries: entries(1, 4) }, { truncateFrom: 2 }],
  },
  {
    why: 'a log is cut to nothing and begins anew',
    writes: [{ entries: entries(1, 4) }, { truncateFrom: 1 }, { entries: entries(1, 2, 5) }],
  },
  {
    why: 'a write may say nothing',
    writes: [{}, { entries: entries(1, 1) }, {}],
  },
  {
    why: 'every kind of entry, with no data and with much',
    writes: [
      { entries: [entry(1, 1, 0, 'noop'), entry(2, 1, 40, 'config'), entry(3, 1, 300_000, 'command')] },
    ],
  },
  {
    why: 'terms and indexes beyond 32 bits',
    writes: [{ hardState: hardState(2 ** 40 + 7), entries: [entry(1, 2 ** 40 + 7)] }],
  },
];

/** What every `LogStorage` owes the node, whatever it stands on. */
export function storageContract(name: string, make: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a log storage`, () => {
    let disk: StorageUnderTest;
    beforeEach(async () => {
      disk = await make();
    });
    afterEach(async () => {
      await disk.dispose();
    });

    test.each(STORIES)('is found again after closing: $why', async ({ writes }) => {
      const writer = startWriter(await disk.open());
      for (const write of writes) await writer.write(write);
      await writer.storage.close();
      const again = await disk.open();
      expect(plain(again.recovered)).toEqual(replayed(writes));
      await again.close();
    });

    test.each(STORIES)('is found again after a crash once it was acknowledged: $why', async ({ writes }) => {
      const writer = startWriter(await disk.open());
      for (const write of writes) await writer.write(write);
      await disk.crash(writer.storage);
      const again = await disk.open();
      expect(plain(again.recovered)).toEqual(replayed(writes));
      await again.close();
    });

    test('goes on where the last life ended', async () => {
      const writes: readonly WriteParts[] = [
        { entries: entries(1, 2) },
        { hardState: hardState(2, 'n1') },
        { truncateFrom: 2, entries: entries(2, 3, 2) },
      ];
      for (const [at, write] of writes.entries()) {
        const storage = await disk.open();
        expect(plain(storage.recovered)).toEqual(replayed(writes.slice(0, at)));
        const writer = startWriter(storage);
        await writer.write(write);
        await (at % 2 === 0 ? writer.storage.close() : disk.crash(writer.storage));
      }
      const last = await disk.open();
      expect(plain(last.recovered)).toEqual(replayed(writes));
      await last.close();
    });

    test('acknowledges in order, and nothing twice', async () => {
      const writer = startWriter(await disk.open());
      for (let index = 1; index <= 50; index += 1) {
        const sequence = writer.queue({ entries: [entry(index)] });
        if (index % 7 === 0) await writer.settled(sequence);
      }
      await writer.settled(50);
      expect(writer.durable).toEqual([...new Set(writer.durable)].sort((a, b) => a - b));
      expect(writer.durable.at(-1)).toBe(50);
      await writer.storage.close();
    });

    test('acknowledges nothing before the caller has returned', async () => {
      const writer = startWriter(await disk.open());
      const sequence = writer.queue({ entries: entries(1, 1) });
      expect(writer.durable).toEqual([]);
      await writer.settled(sequence);
      await writer.storage.close();
    });

    test('covers with one sync all that was queued during the last one', async () => {
      const writer = startWriter(await disk.open());
      await writer.write({ entries: [entry(1)] });
      disk.syncs();
      const first = writer.queue({ entries: [entry(2)] });
      // The first group is on its way once a turn of microtasks has passed.
      await Promise.resolve();
      for (let index = 3; index <= 500; index += 1) writer.queue({ entries: [entry(index)] });
      await writer.settled(500);
      expect(disk.syncs()).toBe(2);
      expect(writer.durable).toEqual([1, first, 500]);
      await writer.storage.close();
    });

    test('writes down what is queued before it closes', async () => {
      const writer = startWriter(await disk.open());
      for (let index = 1; index <= 20; index += 1) writer.queue({ entries: [entry(index)] });
      await writer.storage.close();
      expect(writer.durable.at(-1)).toBe(20);
      const again = await disk.open();
      expect(again.recovered.entries).toHaveLength(20);
      await again.close();
    });

    test('takes nothing after it was closed, and may be closed twice', async () => {
      const writer = startWriter(await disk.open());
      await writer.write({ entries: entries(1, 1) });
      const closing = writer.storage.close();
      writer.queue({ entries: [entry(2)] });
      await Promise.all([closing, writer.storage.close()]);
      const again = await disk.open();
      expect(again.recovered.entries).toHaveLength(1);
      expect(writer.durable).toEqual([1]);
      await again.close();
    });

    test('takes nothing while it closes, though a sync is under way', async () => {
      const writer = startWriter(await disk.open());
      writer.queue({ entries: [entry(1)] });
      await Promise.resolve();
      writer.queue({ entries: [entry(2)] });
      const closing = writer.storage.close();
      writer.queue({ entries: [entry(3)] });
      await closing;
      expect(writer.durable).toEqual([1, 2]);
      const again = await disk.open();
      expect(again.recovered.entries).toHaveLength(2);
      await again.close();
    });

    test('keeps a prefix of the writes that a crash finds under way', async () => {
      const writes = Array.from({ length: 30 }, (_, at): WriteParts => ({ entries: [entry(at + 1)] }));
      const writer = startWriter(await disk.open());
      for (const write of writes) writer.queue(write);
      const acknowledged = writer.durable.at(-1) ?? 0;
      await disk.crash(writer.storage);
      const again = await disk.open();
      const kept = again.recovered.entries.length;
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      expect(plain(again.recovered)).toEqual(replayed(writes.slice(0, kept)));
      await again.close();
    });
  });
}
