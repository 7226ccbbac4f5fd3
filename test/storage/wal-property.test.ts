import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { entry, hardState, OWNER, plain, replayed, startWriter, type WriteParts } from './log-writes.ts';
import { LossyFiles } from './lossy-files.ts';
import { Folders } from './wal-folder.ts';

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
  | { readonly do: 'power-cut'; readonly survivors: readonly boolean[] };

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
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('power-cut' as const),
      survivors: fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
    }),
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

/** One folder through many lives, beside a list of the writes that must be in it. */
class Lives {
  readonly #folder = folders.create();
  #files = new LossyFiles();
  #writer: ReturnType<typeof startWriter> | undefined;
  /** What the folder held when this life began. */
  #before: readonly WriteParts[] = [];
  #queued: WriteParts[] = [];

  async take(next: Step): Promise<void> {
    const writer = this.#writer ?? (await this.open());
    switch (next.do) {
      case 'write': {
        let last = 0;
        for (const each of next.intents) last = writer.queue(this.#note(each));
        if (next.wait === 'durable') await writer.settled(last);
        return;
      }
      case 'close':
        await writer.storage.close();
        this.#before = [...this.#before, ...this.#queued];
        this.#writer = undefined;
        await this.open();
        return;
      case 'power-cut': {
        const acknowledged = writer.durable.at(-1) ?? 0;
        let at = 0;
        await this.#files.powerCut(() => next.survivors[at++ % next.survivors.length] ?? false);
        await this.#checkAfterPowerCut(acknowledged);
      }
    }
  }

  async open(): Promise<ReturnType<typeof startWriter>> {
    this.#files = new LossyFiles();
    const storage = await openWal({
      folder: this.#folder,
      ...OWNER,
      maxSegmentBytes: 4_000,
      openFile: this.#files.open,
    });
    expect(plain(storage.recovered)).toEqual(replayed(this.#before));
    this.#queued = [];
    this.#writer = startWriter(storage);
    return this.#writer;
  }

  async end(): Promise<void> {
    await this.#writer?.storage.close();
  }

  #note(each: Intent): WriteParts {
    const { entries } = replayed([...this.#before, ...this.#queued]);
    const parts = toWrite(each, entries.length);
    this.#queued.push(parts);
    return parts;
  }

  /** What is found is a prefix of what was queued, with all that was acknowledged in it. */
  async #checkAfterPowerCut(acknowledged: number): Promise<void> {
    const copy = folders.copyOf(this.#folder);
    const again = await openWal({ folder: copy, ...OWNER, maxSegmentBytes: 4_000 });
    const found = plain(again.recovered);
    await again.close();
    const prefixes = this.#queued.map((_, at) => at + 1).filter((length) => length > acknowledged);
    const kept = [acknowledged, ...prefixes].find((length) => {
      const expected = replayed([...this.#before, ...this.#queued.slice(0, length)]);
      return JSON.stringify(expected) === JSON.stringify(found);
    });
    expect(kept, 'a prefix of the writes, no shorter than what was acknowledged').toBeDefined();
  }
}

test('any writes, closings and power cuts: what was acknowledged is there, and nothing that was not written', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
    const lives = new Lives();
    for (const next of steps) {
      await lives.take(next);
      // The old process is gone: its folder cannot be opened a second time in this one.
      if (next.do === 'power-cut') return;
    }
    await lives.end();
  });
  await fc.assert(property, { numRuns: 150 });
});
