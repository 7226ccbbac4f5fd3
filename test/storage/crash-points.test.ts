import { afterAll, expect, test, vi } from 'vitest';
import type { RecoveredLog } from '../../src/storage/port.ts';
import { openWal } from '../../src/storage/wal.ts';
import { Chance } from '../simulation/chance.ts';
import { BusyRun, type Claim, SHORT } from './busy-run.ts';
import { imagesOf } from './crash-images.ts';
import { type Image, layOut } from './crashed-disk.ts';
import { entry, OWNER, plain, replayed, startWriter } from './log-writes.ts';
import { besideSnapshot, isCompacted } from './reference-log.ts';
import { Tape } from './tape.ts';
import { Folders } from './wal-folder.ts';

const recorder = vi.hoisted(() => ({ tape: undefined as Tape | undefined }));

// The file system itself is what is recorded: whatever the code forgets to sync shows only here. What it syncs need
// not reach a disk, for the images are made from the tape.
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>();
  const { recordedCallbacks } = await import('./recorded-fs.ts');
  return { ...original, ...recordedCallbacks(original, () => recorder.tape) };
});
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const { recordedPromises } = await import('./recorded-fs.ts');
  return { ...original, ...recordedPromises(original, () => recorder.tape) };
});

const folders = new Folders();
afterAll(() => folders.dispose());

const SEED = 20_260;
/** Half a minute on two idle cores; nothing depends on it. */
const PATIENCE_MS = 600_000;
const ACTIONS = 135;
/** Every so many images, the log goes on from there, and a crash comes while it is opened. */
const GO_ON_EVERY = 96;

/** The claims of a run, each with the number of steps that had been asked for when it was made. */
interface Recording {
  readonly tape: Tape;
  readonly claims: readonly { readonly from: number; readonly claim: Claim }[];
}

const NOTHING: Claim = { acknowledged: 0, queued: 0, saved: undefined, saving: undefined };

/** Every way in which a crash may leave the disk of a recording that began on `start`. */
function* crashes({ tape, claims }: Recording, chance: Chance, start: Image = new Map()) {
  let claim = claims[0]?.claim ?? NOTHING;
  let at = 0;
  for (const { image, taken } of imagesOf(tape, chance, start)) {
    for (; claims[at] !== undefined && (claims[at]?.from ?? 0) <= taken; at += 1)
      claim = claims[at]?.claim ?? claim;
    yield { image, claim, taken };
  }
}

async function recorded(folder: string, start: Image, work: () => Promise<void>): Promise<Tape> {
  const tape = new Tape(folder, new Map([...start].map(([name, { file }]) => [name, file])));
  recorder.tape = tape;
  try {
    await work();
  } finally {
    recorder.tape = undefined;
  }
  return tape;
}

class Judge {
  readonly #run: BusyRun;
  readonly #known = new Map<number, ReturnType<typeof replayed>>();

  constructor(run: BusyRun) {
    this.#run = run;
  }

  /** How many writes the log holds that was found; undefined when it is none that may be there. */
  lengthOf(found: RecoveredLog, { acknowledged, queued, saved, saving }: Claim): number | undefined {
    const { snapshot } = found;
    if (snapshot?.index !== saved?.index && snapshot?.index !== saving?.index) return undefined;
    const log = plain(found);
    for (let length = acknowledged; length <= queued; length += 1) {
      if (isCompacted(log, besideSnapshot(this.#log(length), snapshot), snapshot?.index ?? 0)) return length;
    }
    return undefined;
  }

  #log(length: number): ReturnType<typeof replayed> {
    const known = this.#known.get(length) ?? replayed(this.#run.writes.slice(0, length));
    this.#known.set(length, known);
    return known;
  }
}

const open = (folder: string) => openWal({ folder, ...OWNER, maxSegmentBytes: 4_000, room: SHORT });

/** The log goes on from where a crash has left it, and is whole in the life after that. */
async function goOn(folder: string): Promise<void> {
  const writer = startWriter(await open(folder));
  const { storage } = writer;
  await storage.close();
  const second = await open(folder);
  const before = plain(second.recovered);
  const next = startWriter(second);
  const more = entry(before.base[0] + before.entries.length + 1, 9_999, 40);
  await next.write({ entries: [more] });
  await next.storage.close();
  const third = await open(folder);
  expect(plain(third.recovered).entries.at(-1)?.slice(0, 2)).toEqual([more.index, 9_999]);
  await third.close();
}

/** Opens every image, and says of the first that is not as it must be where the crash was. */
async function openEach(images: ReturnType<typeof crashes>, judge: Judge, onEach: OnImage): Promise<number> {
  let count = 0;
  for (const { image, claim, taken } of images) {
    count += 1;
    const folder = folders.create();
    layOut(image, folder);
    const context = `seed ${SEED}, crash after step ${taken}, image ${count}, in ${folder}`;
    const storage = await open(folder).catch((error: unknown) => {
      throw new Error(`${context}: ${String(error)}`);
    });
    const { recovered } = storage;
    await storage.close();
    expect(judge.lengthOf(recovered, claim), `${context}: ${JSON.stringify(claim)}`).toBeDefined();
    await onEach({ image, claim, count, folder });
    folders.remove(folder);
  }
  return count;
}

type OnImage = (found: { image: Image; claim: Claim; count: number; folder: string }) => Promise<void>;

test(
  'every crash of a busy run, and of the opening after it, leaves all that was acknowledged',
  async () => {
    const chance = new Chance(SEED);
    const folder = folders.create();
    const claims: { from: number; claim: Claim }[] = [];
    const run = new BusyRun(folder, chance.stream('run'), (claim) =>
      claims.push({ from: recorder.tape?.steps.length ?? 0, claim }),
    );
    layOut(new Map(), folder);
    const tape = await recorded(folder, new Map(), () => run.go(ACTIONS));
    const judge = new Judge(run);
    let secondCrashes = 0;
    const first = await openEach(
      crashes({ tape, claims }, chance),
      judge,
      async ({ image, claim, count, folder: opened }) => {
        if (count % GO_ON_EVERY !== 0) return;
        const again = folders.create();
        layOut(image, again);
        const opening = await recorded(again, image, async () => (await open(again)).close());
        const recording = { tape: opening, claims: [{ from: 0, claim }] };
        secondCrashes += await openEach(crashes(recording, chance, image), judge, async () => undefined);
        folders.remove(again);
        await goOn(opened);
      },
    );
    process.stdout.write(
      `${tape.steps.length} steps, ${first} crashes, ${secondCrashes} crashes while opening\n`,
    );
    expect(first + secondCrashes).toBeGreaterThanOrEqual(5_000);
  },
  PATIENCE_MS,
);
