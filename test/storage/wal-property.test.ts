import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { logIndex } from '../../src/protocol/ids.ts';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import type { LogStorage } from '../../src/storage/port.ts';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import { openWalFile } from '../../src/storage/wal-file.ts';
import {
  entry,
  hardState,
  OWNER,
  type PlainLog,
  plain,
  position,
  replayed,
  snapshotAt,
  startWriter,
  type WriteParts,
  type Writer,
} from './log-writes.ts';
import { LossyFiles } from './lossy-files.ts';
import { besideSnapshot, isCompacted, lastOf, termIn } from './reference-log.ts';
import { got, pieces, save } from './snapshots.ts';
import { Folders } from './wal-folder.ts';

/** Each run is some seven lives of a folder. */
const RUNS = 100;

const folders = new Folders();
afterAll(() => folders.dispose());

/** A write before it is known how long the log is when its turn comes. */
interface Intent {
  readonly vote: { readonly term: number; readonly votedFor: string | undefined } | undefined;
  /** Share of the log that stays. */
  readonly keep: number | undefined;
  readonly sizes: readonly number[];
}

type Step =
  | { readonly do: 'write'; readonly intents: readonly Intent[]; readonly wait: 'no' | 'durable' }
  /** Of an entry of the log, after which it is compacted up to `freed` of that. */
  | { readonly do: 'snapshot'; readonly share: number; readonly freed: number }
  /** Of somebody else, `ahead` of the log, which begins anew. */
  | { readonly do: 'restart'; readonly ahead: number; readonly sizes: readonly number[] }
  | { readonly do: 'power-cut-in-save'; readonly pieces: number; readonly survivors: readonly boolean[] }
  | { readonly do: 'close' }
  | { readonly do: 'power-cut'; readonly survivors: readonly boolean[] }
  | { readonly do: 'power-cut-at-opening'; readonly syncs: number; readonly survivors: readonly boolean[] };

const intent: fc.Arbitrary<Intent> = fc.record({
  vote: fc.option(
    fc.record({
      term: fc.nat(1_000),
      votedFor: fc.option(fc.constantFrom('n1', 'n2'), { nil: undefined }),
    }),
    { nil: undefined, freq: 3 },
  ),
  keep: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 4 }),
  sizes: fc.array(fc.oneof({ weight: 5, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(3_000) }), {
    maxLength: 6,
  }),
});

const survivors = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      intents: fc.array(intent, { minLength: 1, maxLength: 5 }),
      wait: fc.constantFrom('no' as const, 'durable' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('snapshot' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      freed: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      ahead: fc.integer({ min: -3, max: 8 }),
      sizes: fc.array(fc.nat(300), { maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('power-cut-in-save' as const),
      pieces: fc.nat(4),
      survivors,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('power-cut' as const), survivors }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('power-cut-at-opening' as const), syncs: fc.nat(2), survivors }),
  },
);

/** What a snapshot covers is committed, and never cut. */
function toWrite({ vote, keep, sizes }: Intent, covered: number, last: number): WriteParts {
  const left = keep === undefined ? last : covered + Math.floor(keep * (last - covered));
  return {
    ...(vote === undefined ? {} : { hardState: hardState(vote.term, vote.votedFor) }),
    ...(keep === undefined || last === covered ? {} : { truncateFrom: left + 1 }),
    entries: sizes.map((size, at) => entry(left + at + 1, 1 + (size % 5), size)),
  };
}

/** One disk through many lives, beside a list of the writes that must be on it. */
class Lives {
  #folder = folders.create();
  #files = new LossyFiles();
  #writer: Writer | undefined;
  /** What the disk held when this life began. */
  #before: readonly WriteParts[] = [];
  #queued: WriteParts[] = [];
  #snapshot: SnapshotMeta | undefined;

  async take(next: Step): Promise<void> {
    const writer = this.#writer ?? (await this.#open());
    switch (next.do) {
      case 'write': {
        const sequences = next.intents.map((each) => writer.queue(this.#note(each)));
        if (next.wait === 'durable') await writer.settled(sequences.at(-1) ?? 0);
        return;
      }
      case 'snapshot':
        return this.#takeSnapshot(writer, next.share, next.freed);
      case 'restart':
        return this.#restart(writer, next.ahead, next.sizes);
      case 'power-cut-in-save':
        return this.#powerCutInSave(writer, next.pieces, next.survivors);
      case 'close':
        return this.#close();
      case 'power-cut':
        return this.#powerCut(writer, next.survivors);
      case 'power-cut-at-opening':
        await this.#close();
        return this.#powerCutAtOpening(next.syncs, next.survivors);
    }
  }

  async end(): Promise<void> {
    await (this.#writer ?? (await this.#open())).storage.close();
  }

  /** The log with all that was queued. */
  get #log(): PlainLog {
    return replayed([...this.#before, ...this.#queued]);
  }

  get #covered(): number {
    return this.#snapshot?.index ?? 0;
  }

  async #open(): Promise<Writer> {
    this.#files = new LossyFiles();
    const storage = await openWal(this.#options());
    this.#check(storage, replayed(this.#before));
    this.#writer = startWriter(storage);
    return this.#writer;
  }

  #check({ recovered, snapshots }: LogStorage, log: PlainLog): void {
    expect(recovered.snapshot).toEqual(this.#snapshot);
    expect(snapshots.latest).toEqual(this.#snapshot);
    const found = plain(recovered);
    if (isCompacted(found, log, this.#covered)) return;
    expect(found).toEqual(log);
  }

  async #takeSnapshot({ storage }: Writer, share: number, freed: number): Promise<void> {
    const log = this.#log;
    const first = Math.max(log.base[0], this.#covered);
    const index = first + Math.floor(share * (lastOf(log) - first));
    const ofTerm = termIn(log, index);
    if (index <= this.#covered || ofTerm === undefined) return;
    this.#snapshot = snapshotAt(index, ofTerm);
    got(await save(storage.snapshots, this.#snapshot, pieces(3)));
    storage.compact(logIndex(Math.floor(freed * index)));
  }

  async #restart(writer: Writer, ahead: number, sizes: readonly number[]): Promise<void> {
    const index = Math.max(this.#covered + 1, lastOf(this.#log) + ahead);
    this.#snapshot = snapshotAt(index, 1_000);
    got(await save(writer.storage.snapshots, this.#snapshot, pieces(2)));
    const write: WriteParts = {
      restartAt: position(index, 1_000),
      entries: sizes.map((size, at) => entry(index + at + 1, 1_000, size)),
    };
    this.#queued.push(write);
    writer.queue(write);
  }

  async #close(): Promise<void> {
    await this.#writer?.storage.close();
    this.#beginLife(this.#queued.length);
  }

  async #powerCutInSave(writer: Writer, count: number, pattern: readonly boolean[]): Promise<void> {
    const log = this.#log;
    const meta = snapshotAt(lastOf(log) + 1, 2_000);
    this.#files.stall();
    writer.storage.snapshots.save(meta, pieces(count, 400)[Symbol.iterator](), () => undefined);
    await this.#files.stalled;
    return this.#powerCut(writer, pattern);
  }

  async #powerCut({ durable }: Writer, pattern: readonly boolean[]): Promise<void> {
    const acknowledged = durable.at(-1) ?? 0;
    await this.#files.powerCut(repeating(pattern));
    // Another folder: the process that holds this one is only gone in the play.
    this.#folder = folders.copyOf(this.#folder);
    this.#beginLife(await this.#survivedWrites(acknowledged));
  }

  async #powerCutAtOpening(syncs: number, pattern: readonly boolean[]): Promise<void> {
    this.#files = new LossyFiles(syncs);
    const opened = openWal(this.#options());
    // It never ends if the power goes before; then the files end under it.
    opened.catch(() => undefined);
    await Promise.race([opened, this.#files.stalled]);
    await this.#files.powerCut(repeating(pattern));
    this.#folder = folders.copyOf(this.#folder);
  }

  #options(): WalOptions {
    return { folder: this.#folder, ...OWNER, maxSegmentBytes: 4_000, openFile: this.#files.open };
  }

  #beginLife(survivedWrites: number): void {
    const survived = [...this.#before, ...this.#queued.slice(0, survivedWrites)];
    const log = replayed(survived);
    const { base, entries } = besideSnapshot(log, this.#snapshot);
    const restart: WriteParts = { restartAt: position(...base) };
    this.#before =
      entries.length < log.entries.length || base !== log.base ? [...survived, restart] : survived;
    this.#queued = [];
    this.#writer = undefined;
  }

  #note(each: Intent): WriteParts {
    const parts = toWrite(each, this.#covered, lastOf(this.#log));
    this.#queued.push(parts);
    return parts;
  }

  /** What is found is a prefix of what was queued, with all that was acknowledged in it. */
  async #survivedWrites(acknowledged: number): Promise<number> {
    const again = await openWal({
      ...this.#options(),
      folder: folders.copyOf(this.#folder),
      openFile: openWalFile,
    });
    const found = plain(again.recovered);
    await again.close();
    for (let length = acknowledged; length <= this.#queued.length; length += 1) {
      const log = replayed([...this.#before, ...this.#queued.slice(0, length)]);
      if (isCompacted(found, besideSnapshot(log, this.#snapshot), this.#covered)) return length;
    }
    throw new Error(
      `no prefix of the writes with the ${acknowledged} acknowledged ones: ${JSON.stringify(found)}`,
    );
  }
}

function repeating(pattern: readonly boolean[]): () => boolean {
  let at = 0;
  return () => pattern[at++ % pattern.length] ?? false;
}

test('any writes, snapshots, closings and power cuts: what was acknowledged is there, and nothing that was not written', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
    const lives = new Lives();
    for (const next of steps) await lives.take(next);
    await lives.end();
  });
  await fc.assert(property, { numRuns: RUNS });
});
