import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logIndex } from '../../src/protocol/ids.ts';
import type { StorageUnderTest } from './contract.ts';
import {
  entries,
  hardState,
  plain,
  position,
  replayed,
  snapshotAt,
  startWriter,
  type WriteParts,
} from './log-writes.ts';
import {
  append,
  finish,
  got,
  latestFile,
  load,
  openReader,
  pieces,
  readAll,
  receive,
  save,
  sourceOf,
} from './snapshots.ts';

interface Meeting {
  readonly why: string;
  /** Before the snapshot, which is of entry 10. */
  readonly before: readonly WriteParts[];
  readonly snapshotTerm: number;
  readonly after: readonly WriteParts[];
  /** The log that a new life finds, as writes. */
  readonly found: readonly WriteParts[];
}

const MEETINGS: readonly Meeting[] = [
  {
    why: 'a log that agrees is kept, below the snapshot and above',
    before: [{ entries: entries(1, 12), hardState: hardState(1, 'n2') }],
    snapshotTerm: 1,
    after: [],
    found: [{ entries: entries(1, 12), hardState: hardState(1, 'n2') }],
  },
  {
    why: 'a log that ends before the snapshot gives way; the vote stays',
    before: [{ entries: entries(1, 9), hardState: hardState(4, 'n2') }],
    snapshotTerm: 1,
    after: [],
    found: [{ restartAt: position(10, 1), hardState: hardState(4, 'n2') }],
  },
  {
    why: 'a log that holds another entry there gives way, with all that follows it',
    before: [{ entries: entries(1, 12), hardState: hardState(3) }],
    snapshotTerm: 2,
    after: [],
    found: [{ restartAt: position(10, 2), hardState: hardState(3) }],
  },
  {
    why: 'the log begins anew, and goes on',
    before: [{ entries: entries(1, 5), hardState: hardState(2, 'n1') }],
    snapshotTerm: 2,
    after: [{ restartAt: position(10, 2) }, { entries: entries(11, 14, 2) }, { truncateFrom: 13 }],
    found: [{ restartAt: position(10, 2), entries: entries(11, 12, 2), hardState: hardState(2, 'n1') }],
  },
  {
    why: 'one write begins the log anew, appends and votes',
    before: [{ entries: entries(1, 20) }],
    snapshotTerm: 3,
    after: [{ restartAt: position(10, 3), entries: entries(11, 12, 3), hardState: hardState(3, 'n3') }],
    found: [{ restartAt: position(10, 3), entries: entries(11, 12, 3), hardState: hardState(3, 'n3') }],
  },
];

/** What every `SnapshotStore` owes the node, and what it and the log owe each other. */
export function snapshotContract(name: string, make: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a snapshot store`, () => {
    let disk: StorageUnderTest;
    const others: StorageUnderTest[] = [];
    beforeEach(async () => {
      disk = await make();
    });
    afterEach(async () => {
      await Promise.all([disk, ...others.splice(0)].map((each) => each.dispose()));
    });

    /** A whole snapshot file of somebody else. */
    async function foreignFile(index: number): Promise<Buffer> {
      const other = await make();
      others.push(other);
      const { snapshots } = await other.open();
      got(await save(snapshots, snapshotAt(index), pieces(5)));
      return latestFile(snapshots);
    }

    test('gives back the pieces that it was given, in this life and in the next', async () => {
      const storage = await disk.open();
      const meta = snapshotAt(10, 2);
      expect(storage.snapshots.latest).toBeUndefined();
      expect(storage.snapshots.latestBytes).toBe(0);
      const state = [...pieces(20), Buffer.alloc(0), Buffer.alloc(300_000, 7)];
      got(await save(storage.snapshots, meta, state));
      expect(storage.snapshots.latest).toEqual(meta);
      expect(storage.snapshots.latestBytes).toBeGreaterThan(320_000);
      expect(got(await load(storage.snapshots))).toEqual({ meta, pieces: state });
      await disk.crash(storage);
      const again = await disk.open();
      expect(again.recovered.snapshot).toEqual(meta);
      expect(got(await load(again.snapshots))).toEqual({ meta, pieces: state });
      expect(again.snapshots.latestBytes).toBe((await latestFile(again.snapshots)).length);
      await again.close();
    });

    test('refuses to load or to send what is not there', async () => {
      const { snapshots } = await disk.open();
      expect(await load(snapshots)).toMatchObject({ ok: false, error: { code: 'DATA_DAMAGED' } });
      expect(await openReader(snapshots)).toMatchObject({ ok: false, error: { code: 'DATA_DAMAGED' } });
    });

    test('takes a newer one, and drops an older one with success', async () => {
      const storage = await disk.open();
      for (const index of [5, 10, 7, 10]) {
        got(await save(storage.snapshots, snapshotAt(index), pieces(index)));
      }
      await disk.crash(storage);
      const { snapshots } = await disk.open();
      expect(got(await load(snapshots))).toEqual({ meta: snapshotAt(10), pieces: pieces(10) });
    });

    test('forgets in a crash what was not finished, and keeps what was', async () => {
      const storage = await disk.open();
      got(await save(storage.snapshots, snapshotAt(5), pieces(3)));
      let told = false;
      storage.snapshots.save(snapshotAt(10), pieces(500)[Symbol.iterator](), () => {
        told = true;
      });
      const file = await foreignFile(20);
      const receipt = got(await receive(storage.snapshots, sourceOf(snapshotAt(20), file)));
      got(await append(receipt, file.subarray(0, 100)));
      const wasTold = told;
      await disk.crash(storage);
      const again = await disk.open();
      expect([5, wasTold ? 10 : 5]).toContain(again.recovered.snapshot?.index);
      const anew = got(await receive(again.snapshots, sourceOf(snapshotAt(20), file)));
      expect(anew.heldBytes).toBe(0);
    });

    test('tells nothing from within a call, and nothing once it is closed', async () => {
      const storage = await disk.open();
      const told: string[] = [];
      storage.snapshots.save(snapshotAt(10), pieces(3)[Symbol.iterator](), () => told.push('saved'));
      storage.snapshots.load(
        () => told.push('piece'),
        () => told.push('loaded'),
      );
      storage.snapshots.open(() => told.push('opened'));
      storage.snapshots.receive(sourceOf(snapshotAt(3), Buffer.alloc(9)), () => told.push('received'));
      expect(told).toEqual([]);
      await storage.close();
      await new Promise((resolve) => setImmediate(resolve));
      expect(told).toEqual([]);
    });

    test('keeps a file readable for whom it is being sent to, while newer ones take its place', async () => {
      const { snapshots } = await disk.open();
      got(await save(snapshots, snapshotAt(10), pieces(30)));
      const reader = got(await openReader(snapshots));
      const before = await readAll(reader);
      for (const index of [20, 30]) got(await save(snapshots, snapshotAt(index), pieces(2)));
      expect(reader.meta).toEqual(snapshotAt(10));
      expect(await readAll(reader, 1_234)).toEqual(before);
      reader.close();
    });

    describe('takes in the file of a peer', () => {
      test('bit by bit, and has it as its own, durably', async () => {
        const file = await foreignFile(10);
        const storage = await disk.open();
        const receipt = got(await receive(storage.snapshots, sourceOf(snapshotAt(10), file)));
        for (let at = 0; at < file.length; at += 777) {
          expect(receipt.heldBytes).toBe(at);
          got(await append(receipt, file.subarray(at, at + 777)));
        }
        expect(storage.snapshots.latest).toBeUndefined();
        expect(got(await finish(receipt))).toEqual(snapshotAt(10));
        await disk.crash(storage);
        const again = await disk.open();
        expect(again.recovered.snapshot).toEqual(snapshotAt(10));
        expect(got(await load(again.snapshots)).pieces).toEqual(pieces(5));
        expect(await latestFile(again.snapshots)).toEqual(file);
      });

      test('goes on with a transfer that was broken off, and with no other', async () => {
        const file = await foreignFile(10);
        const { snapshots } = await disk.open();
        const source = sourceOf(snapshotAt(10), file);
        const first = got(await receive(snapshots, source));
        got(await append(first, file.subarray(0, 500)));
        const resumed = got(await receive(snapshots, { ...source }));
        expect(resumed.heldBytes).toBe(500);
        const next = got(await receive(snapshots, { ...source, leaderTerm: 10 }));
        expect(next.heldBytes).toBe(0);
        expect(await append(resumed, file.subarray(500))).toMatchObject({ error: { code: 'DATA_DAMAGED' } });
        expect(await finish(first)).toMatchObject({ error: { code: 'DATA_DAMAGED' } });
        got(await append(next, file));
        expect(got(await finish(next))).toEqual(snapshotAt(10));
      });

      test.each([
        { why: 'a byte has changed', index: 10, harm: (file: Buffer) => file.fill(0x5a, 900, 901) },
        { why: 'the end is missing', index: 10, harm: (file: Buffer) => file.subarray(0, -40) },
        { why: 'it is another one than announced', index: 11, harm: (file: Buffer) => file },
      ])('and throws it away when it is no good: $why', async ({ index, harm }) => {
        const file = harm(await foreignFile(10));
        const storage = await disk.open();
        got(await save(storage.snapshots, snapshotAt(5), pieces(1)));
        const source = sourceOf(snapshotAt(index), file);
        const receipt = got(await receive(storage.snapshots, source));
        got(await append(receipt, file));
        expect(await finish(receipt)).toMatchObject({ error: { code: 'DATA_DAMAGED' } });
        expect(storage.snapshots.latest).toEqual(snapshotAt(5));
        expect(got(await receive(storage.snapshots, source)).heldBytes).toBe(0);
      });

      test('and no more of it than was announced', async () => {
        const { snapshots } = await disk.open();
        const source = sourceOf(snapshotAt(10), Buffer.alloc(100));
        const receipt = got(await receive(snapshots, source));
        got(await append(receipt, Buffer.alloc(60)));
        expect(await append(receipt, Buffer.alloc(41))).toMatchObject({ error: { code: 'DATA_DAMAGED' } });
        expect(got(await receive(snapshots, source)).heldBytes).toBe(0);
      });
    });

    test.each(MEETINGS)('beside a log: $why', async ({ before, snapshotTerm, after, found }) => {
      const writer = startWriter(await disk.open());
      for (const write of before) await writer.write(write);
      const meta = snapshotAt(10, snapshotTerm);
      got(await save(writer.storage.snapshots, meta, pieces(2)));
      for (const write of after) await writer.write(write);
      const writes = [...found];
      // What recovery changes must be durable as well: the second life appends, the third one looks.
      for (let life = 2; life <= 4; life += 1) {
        await (life % 2 === 0 ? disk.crash(writer.storage) : writer.storage.close());
        const storage = await disk.open();
        expect(storage.recovered.snapshot).toEqual(meta);
        expect(plain(storage.recovered), `life ${life}`).toEqual(replayed(writes));
        const { base, entries: kept } = storage.recovered;
        const next = base.index + kept.length + 1;
        const appending = startWriter(storage);
        const write = { entries: entries(next, next + 1, 7) };
        await appending.write(write);
        writes.push(write);
        await storage.close();
      }
    });

    test.each([
      { why: 'some entries', index: 8 },
      { why: 'all that the snapshot covers', index: 10 },
    ])('lets the log be compacted: $why', async ({ index }) => {
      const writer = startWriter(await disk.open());
      for (let at = 1; at <= 12; at += 1) await writer.write({ entries: entries(at, at, at) });
      got(await save(writer.storage.snapshots, snapshotAt(10, 10), pieces(2)));
      writer.storage.compact(logIndex(index));
      await writer.write({ entries: entries(13, 14, 13), hardState: hardState(13, 'n1') });
      for (let life = 2; life <= 3; life += 1) {
        await (life === 2 ? disk.crash(writer.storage) : undefined);
        const storage = await disk.open();
        const { base, entries: kept, hardState: vote } = storage.recovered;
        expect(base.index).toBeLessThanOrEqual(index);
        expect(base.term).toBe(base.index);
        expect(kept.map((each) => each.index)).toEqual(
          Array.from({ length: 14 - base.index }, (_, at) => base.index + at + 1),
        );
        expect(vote).toEqual(hardState(13, 'n1'));
        await storage.close();
      }
    });

    test('compacts nothing below a cut that is still on its way to the disk', async () => {
      const writer = startWriter(await disk.open());
      await writer.write({ entries: entries(1, 9, 1) });
      got(await save(writer.storage.snapshots, snapshotAt(10, 2), pieces(2)));
      // What the node has applied may be ahead of its own disk, which still holds what gave way.
      const sequence = writer.queue({ truncateFrom: 6, entries: entries(6, 12, 2) });
      writer.storage.compact(logIndex(10));
      await writer.settled(sequence);
      await writer.write({ entries: entries(13, 13, 2) });
      await disk.crash(writer.storage);
      const { recovered } = await disk.open();
      expect(recovered.base.index).toBeLessThanOrEqual(10);
      expect(recovered.entries.at(-1)).toMatchObject({ index: 13, term: 2 });
      expect(recovered.entries.filter(({ index }) => index >= 6).every(({ term }) => term === 2)).toBe(true);
    });

    test('lets go of what it recovered once the node has started', async () => {
      const first = startWriter(await disk.open());
      await first.write({ entries: entries(1, 3) });
      await first.storage.close();
      const storage = await disk.open();
      expect(storage.recovered.entries).toHaveLength(3);
      startWriter(storage);
      expect(() => storage.recovered).toThrow('before the storage is started');
    });
  });
}
