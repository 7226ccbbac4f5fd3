import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { Chance } from '../simulation/chance.ts';
import { imagesOf } from './crash-images.ts';
import { type Image, layOut } from './crashed-disk.ts';
import { entry, hardState, OWNER, plain, position, startWriter } from './log-writes.ts';
import { Tape } from './tape.ts';
import { Folders } from './wal-folder.ts';

const recorder = vi.hoisted(() => ({ tape: undefined as Tape | undefined }));

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

const SEED = 20_261;
const PATIENCE_MS = 300_000;
const COUNT = 30;

/** Three segments of which a byte in the second one has changed. */
async function damagedImage(): Promise<Image> {
  const folder = folders.create();
  const writer = startWriter(await openWal({ folder, ...OWNER, maxSegmentBytes: 2_000 }));
  await writer.write({ hardState: hardState(3, 'n2') });
  for (let index = 1; index <= COUNT; index += 1) await writer.write({ entries: [entry(index, 3, 100)] });
  await writer.storage.close();
  const names = readdirSync(folder).filter((name) => !name.startsWith('lock'));
  const image = names.map(
    (name, at) => [name, { file: at + 1, bytes: readFileSync(join(folder, name)) }] as const,
  );
  const second = image.find(([name]) => name === '00000002.wal')?.[1].bytes;
  if (second !== undefined) second[700] = (second[700] ?? 0) ^ 4;
  return new Map(image);
}

/** What two lives find, one after the other. */
async function openedTwice(folder: string) {
  const lives: unknown[] = [];
  for (let life = 0; life < 2; life += 1) {
    const storage = await openWal({ folder, ...OWNER, hasPeers: true });
    const { recovered } = storage;
    lives.push({ log: plain(recovered), floor: recovered.floor });
    await storage.close();
  }
  return lives;
}

test(
  'a crash at any step of a salvage leaves one that the next life brings to its end',
  async () => {
    const image = await damagedImage();
    const folder = folders.create();
    layOut(image, folder);
    const tape = new Tape(folder, new Map([...image].map(([name, { file }]) => [name, file])));
    recorder.tape = tape;
    const storage = await openWal({ folder, ...OWNER, hasPeers: true });
    recorder.tape = undefined;
    const expected = { log: plain(storage.recovered), floor: storage.recovered.floor };
    await storage.close();
    expect(expected.floor).toEqual(position(COUNT, 3));
    expect(expected.log).toMatchObject({ term: 3, votedFor: 'n2' });
    expect(expected.log.entries).toHaveLength(19);
    let count = 0;
    for (const { image: left, taken } of imagesOf(tape, new Chance(SEED), image)) {
      count += 1;
      const crashed = folders.create();
      layOut(left, crashed);
      const context = `seed ${SEED}, crash after step ${taken}, image ${count}, in ${crashed}`;
      expect(await openedTwice(crashed), context).toEqual([expected, expected]);
      folders.remove(crashed);
    }
    process.stdout.write(`${tape.steps.length} steps, ${count} crashes\n`);
    expect(count).toBeGreaterThan(80);
  },
  PATIENCE_MS,
);
