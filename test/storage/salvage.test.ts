import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { RecoveredLog } from '../../src/storage/port.ts';
import type { Salvaged } from '../../src/storage/salvage.ts';
import { openWal } from '../../src/storage/wal.ts';
import { readWitness } from '../../src/storage/wal-witness.ts';
import {
  entry,
  hardState,
  OWNER,
  plain,
  position,
  snapshotAt,
  startWriter,
  type WriteParts,
} from './log-writes.ts';
import { pieces, save } from './snapshots.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const COUNT = 40;
/** Every so many bytes are tried; each takes three lives of a folder. */
const STEP = process.env.RAFT_MANAGER_EVERY_BYTE === undefined ? 97 : 11;
/** Small enough for three segments. */
const MAX_SEGMENT_BYTES = 5_000;
const WRITES: readonly WriteParts[] = Array.from({ length: COUNT }, (_, at) => ({
  entries: [entry(at + 1, at < 20 ? 1 : 2, 253)],
  ...(at === 20 ? { hardState: hardState(2, 'n3') } : {}),
}));

/** A folder that was closed in order, and then harmed. */
async function harmed(harm: (folder: string) => void, snapshot?: readonly [number, number]): Promise<string> {
  const folder = folders.create();
  const writer = startWriter(await openWal({ folder, ...OWNER, maxSegmentBytes: MAX_SEGMENT_BYTES }));
  for (const write of WRITES) await writer.write(write);
  if (snapshot !== undefined) {
    await save(writer.storage.snapshots, snapshotAt(...snapshot), pieces(3));
    writer.storage.compact(snapshotAt(...snapshot).index);
  }
  await writer.storage.close();
  harm(folder);
  return folder;
}

function flip(folder: string, name: string, at: number): void {
  const path = join(folder, name);
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** All files but locks, by name. */
function contentsOf(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder).filter((name) => !name.startsWith('lock'));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'hex')]));
}

interface Opened {
  readonly recovered: RecoveredLog;
  readonly salvaged: Salvaged | undefined;
}

async function openOnce(folder: string): Promise<Opened> {
  let salvaged: Salvaged | undefined;
  const onSalvaged = (found: Salvaged): void => {
    salvaged = found;
  };
  const storage = await openWal({ folder, ...OWNER, hasPeers: true, onSalvaged });
  const { recovered } = storage;
  await storage.close();
  return { recovered, salvaged };
}

const END = position(COUNT, 2);

interface Harm {
  readonly why: string;
  readonly harm: (folder: string) => void;
  readonly snapshot?: readonly [number, number];
  /** Index of the last entry that is left. */
  readonly left: number;
}

const newest = (folder: string): string => segmentsOf(folder).at(-1)?.name ?? '';
const oldest = (folder: string): string => segmentsOf(folder)[0]?.name ?? '';
const snapshotOf = (folder: string): string =>
  readdirSync(folder).find((name) => name.endsWith('.snapshot')) ?? '';

describe('a damaged log of one who has peers', () => {
  test.each<Harm>([
    { why: 'a byte of the first entry', harm: (at) => flip(at, oldest(at), 300), left: 0 },
    { why: 'a byte of an early segment', harm: (at) => flip(at, oldest(at), 3_000), left: 10 },
    {
      why: 'a byte of the last segment, all of it durable',
      harm: (at) => flip(at, newest(at), 300),
      left: 36,
    },
    { why: 'the header of the last segment', harm: (at) => flip(at, newest(at), 5), left: 36 },
    {
      why: 'the header of all',
      harm: (at) => {
        for (const { name } of segmentsOf(at)) flip(at, name, 9);
      },
      left: 0,
    },
    {
      why: 'a segment that is gone between others',
      harm: (at) => rmSync(join(at, '00000002.wal')),
      left: 18,
    },
    {
      why: 'what lies behind a snapshot',
      harm: (at) => flip(at, newest(at), 300),
      snapshot: [30, 2],
      left: 36,
    },
    {
      why: 'what a snapshot covers',
      harm: (at) => flip(at, oldest(at), 600),
      snapshot: [39, 2],
      left: 39,
    },
    {
      why: 'a snapshot without which the log says nothing',
      harm: (at) => flip(at, snapshotOf(at), 100),
      snapshot: [38, 2],
      left: 0,
    },
  ])('is shorter, and knows it: $why', async ({ harm, snapshot, left }) => {
    const folder = await harmed(harm, snapshot);
    const before = contentsOf(folder);
    const { recovered, salvaged } = await openOnce(folder);
    const last = recovered.base.index + recovered.entries.length;
    expect(last).toBe(left);
    expect(recovered.hardState).toEqual(hardState(2, 'n3'));
    expect(recovered.floor).toEqual(END);
    expect(salvaged).toMatchObject({ damage: { code: 'DATA_DAMAGED' }, floor: END });
    const after = contentsOf(folder);
    const kept = (salvaged?.kept ?? []).map((path) => basename(path)).filter((name) => after.has(name));
    expect(kept).not.toEqual([]);
    for (const name of kept) expect(after.get(name), name).toBe(before.get(name.replace(/\.damaged-1$/, '')));
    // The next life finds the same, and damages nothing more.
    const again = await openOnce(folder);
    expect(again.salvaged).toBeUndefined();
    expect(plain(again.recovered)).toEqual(plain(recovered));
    expect(again.recovered.floor).toEqual(END);
  });

  test('is whole again once it has as much', async () => {
    const folder = await harmed((at) => flip(at, newest(at), 300));
    let repaired = 0;
    const storage = await openWal({ folder, ...OWNER, hasPeers: true, onRepaired: () => (repaired += 1) });
    const writer = startWriter(storage);
    for (let index = 37; index < COUNT; index += 1) await writer.write({ entries: [entry(index, 2, 253)] });
    const halfway = folders.copyOf(folder);
    expect(repaired).toBe(0);
    await writer.write({ entries: [entry(COUNT, 2, 253)] });
    await storage.close();
    expect(repaired).toBe(1);
    expect((await openOnce(halfway)).recovered.floor).toEqual(END);
    const { recovered } = await openOnce(folder);
    expect(recovered.floor).toBeUndefined();
    expect(recovered.entries).toHaveLength(COUNT);
  });

  test('is whole again with what a leader of a later term made of it', async () => {
    const folder = await harmed((at) => flip(at, newest(at), 300));
    const storage = await openWal({ folder, ...OWNER, hasPeers: true });
    const writer = startWriter(storage);
    await writer.write({ truncateFrom: 30, entries: [entry(30, 3)], hardState: hardState(3) });
    await storage.close();
    expect((await openOnce(folder)).recovered.floor).toBeUndefined();
  });

  test('that is damaged again keeps what it has lacked before', async () => {
    const folder = await harmed((at) => flip(at, newest(at), 300));
    await openOnce(folder);
    flip(folder, oldest(folder), 600);
    const { recovered, salvaged } = await openOnce(folder);
    expect(salvaged?.kept[0]).toMatch(/\.damaged-2$/);
    expect(recovered.floor).toEqual(END);
    expect(recovered.hardState).toEqual(hardState(2, 'n3'));
  });
});

test('whichever byte is flipped: all is there, or what is lacking is known, or it is refused', async () => {
  const whole = await harmed(() => undefined);
  const outcomes = new Map<string, number>();
  for (const { name, bytes } of segmentsOf(whole)) {
    const end = bytes.findLastIndex((byte) => byte !== 0);
    for (let at = 0; at <= end; at += STEP) {
      const folder = folders.copyOf(whole);
      flip(folder, name, at);
      const outcome = await judge(folder, `byte ${at} of ${name}`);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      folders.remove(folder);
    }
  }
  expect(outcomes.get('repaired')).toBeGreaterThan(50);
});

async function judge(folder: string, why: string): Promise<'whole' | 'repaired'> {
  const { recovered } = await openOnce(folder);
  expect(recovered.hardState, why).toEqual(hardState(2, 'n3'));
  const expected = WRITES.slice(0, recovered.entries.length).flatMap(({ entries = [] }) => entries);
  expect(plain(recovered).entries, why).toEqual(plain({ ...recovered, entries: expected }).entries);
  if (recovered.entries.length === COUNT) return 'whole';
  expect(recovered.floor, why).toEqual(END);
  return 'repaired';
}

describe('a damaged log is refused, and nothing is changed', () => {
  const refusals: readonly (Pick<Harm, 'why' | 'harm'> & { readonly hasPeers: boolean })[] = [
    { why: 'nobody else has what it had', hasPeers: false, harm: (at) => flip(at, newest(at), 300) },
    {
      why: 'the second mark is gone: a vote may be among what cannot be read',
      hasPeers: true,
      harm: (at) => {
        flip(at, newest(at), 300);
        rmSync(join(at, 'durable'));
      },
    },
    {
      why: 'it was cut short',
      hasPeers: true,
      harm: (at) => truncateSync(join(at, newest(at)), 1_000),
    },
    { why: 'its last segment is gone', hasPeers: true, harm: (at) => rmSync(join(at, newest(at))) },
    {
      why: 'what tells of its damage is damaged',
      hasPeers: true,
      harm: (at) => writeFileSync(join(at, 'floor'), '00000000\n{}\n'),
    },
  ];
  test.each(refusals)('$why', async ({ harm, hasPeers }) => {
    const folder = await harmed(harm);
    const before = contentsOf(folder);
    await expect(openWal({ folder, ...OWNER, hasPeers })).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
    expect(contentsOf(folder)).toEqual(before);
  });

  test('damage behind a second mark that a power cut left as it was before', async () => {
    const folder = folders.create();
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    const { bytes = 0 } = (await readWitness(folder)) ?? {};
    const former = readFileSync(join(folder, 'durable'));
    for (const write of WRITES) await writer.write(write);
    const killed = folders.copyOf(folder);
    await writer.storage.close();
    writeFileSync(join(killed, 'durable'), former);
    flip(killed, newest(killed), bytes + 2_000);
    await expect(openWal({ folder: killed, ...OWNER, hasPeers: true })).rejects.toMatchObject({
      code: 'DATA_DAMAGED',
    });
  });
});
