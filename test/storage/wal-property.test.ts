import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import { openWalFile } from '../../src/storage/wal-file.ts';
import {
  entry,
  hardState,
  OWNER,
  plain,
  replayed,
  startWriter,
  type WriteParts,
  type Writer,
} from './log-writes.ts';
import { LossyFiles } from './lossy-files.ts';
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('power-cut' as const), survivors }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('power-cut-at-opening' as const), syncs: fc.nat(2), survivors }),
  },
);

function toWrite({ vote, keep, sizes }: Intent, logLength: number): WriteParts {
  const left = keep === undefined ? logLength : Math.floor(keep * logLength);
  return {
    ...(vote === undefined ? {} : { hardState: hardState(vote.term, vote.votedFor) }),
    ...(keep === undefined || logLength === 0 ? {} : { truncateFrom: left + 1 }),
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

  async take(next: Step): Promise<void> {
    const writer = this.#writer ?? (await this.#open());
    switch (next.do) {
      case 'write': {
        const sequences = next.intents.map((each) => writer.queue(this.#note(each)));
        if (next.wait === 'durable') await writer.settled(sequences.at(-1) ?? 0);
        return;
      }
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

  async #open(): Promise<Writer> {
    this.#files = new LossyFiles();
    const storage = await openWal(this.#options());
    expect(plain(storage.recovered)).toEqual(replayed(this.#before));
    this.#writer = startWriter(storage);
    return this.#writer;
  }

  async #close(): Promise<void> {
    await this.#writer?.storage.close();
    this.#beginLife(this.#queued.length);
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
    this.#before = [...this.#before, ...this.#queued.slice(0, survivedWrites)];
    this.#queued = [];
    this.#writer = undefined;
  }

  #note(each: Intent): WriteParts {
    const parts = toWrite(each, replayed([...this.#before, ...this.#queued]).entries.length);
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
      const expected = replayed([...this.#before, ...this.#queued.slice(0, length)]);
      if (isDeepStrictEqual(expected, found)) return length;
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

test('any writes, closings and power cuts: what was acknowledged is there, and nothing that was not written', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
    const lives = new Lives();
    for (const next of steps) await lives.take(next);
    await lives.end();
  });
  await fc.assert(property, { numRuns: RUNS });
});
