import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { clusterId, logIndex } from '../../src/protocol/ids.ts';
import type { LogStorage } from '../../src/storage/port.ts';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import { type OpenWalFile, openWalFile } from '../../src/storage/wal-file.ts';
import { entries, OWNER, plain, replayed, snapshotAt, startWriter, type WriteParts } from './log-writes.ts';
import { append, finish, got, latestFile, load, pieces, receive, save, sourceOf } from './snapshots.ts';
import { Folders, segmentsOf } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const open = (folder: string, options: Partial<WalOptions> = {}): Promise<LogStorage> =>
  openWal({ folder, ...OWNER, ...options });

const snapshotsIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => /snapshot/.test(name));

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}

/** Refuses one kind of call on files under a temporary name, after `after` of them. */
function refusing(kind: 'open' | 'write' | 'sync', after: number, code: string): OpenWalFile {
  let seen = 0;
  const refusal = (call: string, path: string): Error | undefined => {
    if (call !== kind || !path.endsWith('.tmp')) return undefined;
    seen += 1;
    return seen > after ? systemError(code, call) : undefined;
  };
  return async (path) => {
    const refused = refusal('open', path);
    if (refused !== undefined) throw refused;
    const file = await openWalFile(path);
    return {
      write(bytes, position, done) {
        const error = refusal('write', path);
        if (error === undefined) file.write(bytes, position, done);
        else setImmediate(() => done(error));
      },
      sync(done) {
        const error = refusal('sync', path);
        if (error === undefined) file.sync(done);
        else setImmediate(() => done(error));
      },
      close: () => file.close(),
    };
  };
}

describe('a disk that refuses a snapshot', () => {
  test.each([
    { why: 'no room for the file', kind: 'open', after: 0, code: 'ENOSPC' },
    { why: 'no room after some of it', kind: 'write', after: 2, code: 'ENOSPC' },
    { why: 'a sync that fails', kind: 'sync', after: 0, code: 'EIO' },
  ] as const)('loses that snapshot, and neither the log nor the one before: $why', async (row) => {
    const folder = folders.create();
    const earlier = await open(folder);
    got(await save(earlier.snapshots, snapshotAt(1), pieces(2)));
    await earlier.close();
    const storage = await open(folder, { openFile: refusing(row.kind, row.after, row.code) });
    const writer = startWriter(storage);
    await writer.write({ entries: entries(2, 3) });
    const outcome = await save(storage.snapshots, snapshotAt(3), pieces(10, 200_000));
    const code = row.code === 'ENOSPC' ? 'DISK_FULL' : 'DISK_FAILED';
    expect(outcome).toMatchObject({ ok: false, error: { code } });
    expect(snapshotsIn(folder)).toEqual(['0000000000000001-1.snapshot']);
    expect(storage.snapshots.latest).toEqual(snapshotAt(1));
    await writer.write({ entries: entries(4, 5) });
    expect(writer.failures).toEqual([]);
    await storage.close();
    const again = await open(folder);
    expect(again.recovered.entries.at(-1)?.index).toBe(5);
    expect(got(await load(again.snapshots)).pieces).toEqual(pieces(2));
    got(await save(again.snapshots, snapshotAt(5), pieces(3)));
    await again.close();
  });

  test('loses what it has received so far, and begins again', async () => {
    const giver = await open(folders.create());
    got(await save(giver.snapshots, snapshotAt(10), pieces(5)));
    const file = await latestFile(giver.snapshots);
    await giver.close();
    const folder = folders.create();
    const storage = await open(folder, { openFile: refusing('write', 1, 'ENOSPC') });
    const source = sourceOf(snapshotAt(10), file);
    const receipt = got(await receive(storage.snapshots, source));
    got(await append(receipt, file.subarray(0, 900)));
    expect(await append(receipt, file.subarray(900))).toMatchObject({ error: { code: 'DISK_FULL' } });
    expect(snapshotsIn(folder)).toEqual([]);
    expect(got(await receive(storage.snapshots, source)).heldBytes).toBe(0);
    await storage.close();
  });

  test('of a peer whose file cannot be synced keeps the one it had', async () => {
    const giver = await open(folders.create());
    got(await save(giver.snapshots, snapshotAt(10), pieces(5)));
    const file = await latestFile(giver.snapshots);
    await giver.close();
    const folder = folders.create();
    const storage = await open(folder, { openFile: refusing('sync', 0, 'EIO') });
    const receipt = got(await receive(storage.snapshots, sourceOf(snapshotAt(10), file)));
    got(await append(receipt, file));
    expect(await finish(receipt)).toMatchObject({ error: { code: 'DISK_FAILED' } });
    expect(storage.snapshots.latest).toBeUndefined();
    expect(snapshotsIn(folder)).toEqual([]);
    await storage.close();
  });
});

describe('opening', () => {
  test('removes what a former life left unfinished, and older snapshots', async () => {
    const folder = folders.create();
    const storage = await open(folder);
    got(await save(storage.snapshots, snapshotAt(5), pieces(1)));
    const older = readFileSync(join(folder, '0000000000000005-1.snapshot'));
    got(await save(storage.snapshots, snapshotAt(10), pieces(2)));
    await storage.close();
    writeFileSync(join(folder, '0000000000000005-1.snapshot'), older);
    writeFileSync(join(folder, 'snapshot-7.tmp'), 'half of');
    const again = await open(folder);
    expect(again.recovered.snapshot).toEqual(snapshotAt(10));
    expect(snapshotsIn(folder)).toEqual(['0000000000000010-1.snapshot']);
    await again.close();
  });

  interface Loss {
    readonly why: string;
    /** Snapshots that are there, oldest first; the last one rots. */
    readonly snapshots: readonly number[];
    readonly log: readonly WriteParts[];
  }

  /** A folder with these snapshots, all of them, and with this log. */
  async function rotten({ snapshots, log: writes }: Loss): Promise<{ folder: string; latest: string }> {
    const folder = folders.create();
    const writer = startWriter(await open(folder));
    const files = new Map<string, Buffer>();
    for (const index of snapshots) {
      got(await save(writer.storage.snapshots, snapshotAt(index), pieces(index)));
      for (const name of snapshotsIn(folder)) files.set(name, readFileSync(join(folder, name)));
    }
    for (const write of writes) await writer.write(write);
    await writer.storage.close();
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
    const latest = [...files.keys()].sort().at(-1) ?? '';
    writeFileSync(join(folder, latest), (files.get(latest) ?? Buffer.alloc(0)).fill(0x5a, 300, 302));
    return { folder, latest };
  }

  const log: readonly WriteParts[] = [{ entries: entries(1, 12) }];

  test.each<Loss & { readonly found: number | undefined }>([
    { why: 'the log alone holds everything', snapshots: [10], log, found: undefined },
    { why: 'an older one and the log hold everything', snapshots: [5, 10], log, found: 5 },
  ])('does without a latest snapshot that is damaged: $why', async (row) => {
    const { folder } = await rotten(row);
    const storage = await open(folder);
    expect(storage.recovered.snapshot?.index).toBe(row.found);
    expect(plain(storage.recovered)).toEqual(replayed(row.log));
    got(await save(storage.snapshots, snapshotAt(10), pieces(1)));
    await storage.close();
    expect(snapshotsIn(folder)).toEqual(['0000000000000010-1.snapshot']);
    await (await open(folder)).close();
  });

  test.each<Loss>([
    { why: 'the log ends before it', snapshots: [5, 20], log },
    {
      why: 'the log begins behind it',
      snapshots: [10],
      log: [...log, { restartAt: snapshotAt(10) }, { entries: entries(11, 12) }],
    },
    {
      why: 'the log begins behind the older one',
      snapshots: [5, 10],
      log: [...log, { restartAt: snapshotAt(10) }],
    },
    { why: 'the log holds another entry there', snapshots: [10], log: [{ entries: entries(1, 12, 2) }] },
  ])('refuses a latest snapshot that is damaged, and changes nothing: $why', async (row) => {
    const { folder, latest } = await rotten(row);
    const names = (): readonly string[] => readdirSync(folder).filter((name) => !name.startsWith('lock'));
    const before = names();
    const path = join(folder, latest);
    await expect(open(folder)).rejects.toMatchObject({ code: 'DATA_DAMAGED', details: { path } });
    expect(names()).toEqual(before);
  });

  test('refuses a snapshot whose log is gone: with it went the votes', async () => {
    const folder = folders.create();
    const storage = await open(folder);
    got(await save(storage.snapshots, snapshotAt(10), pieces(1)));
    await storage.close();
    const name = '0000000000000010-1.snapshot';
    const alone = folders.with([{ name, bytes: readFileSync(join(folder, name)) }]);
    await expect(open(alone)).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
    expect(existsSync(join(alone, '00000001.wal'))).toBe(false);
  });

  test('refuses a log whose beginning was freed for a snapshot that is gone', async () => {
    const folder = folders.create();
    const writer = startWriter(await open(folder, { maxSegmentBytes: 500 }));
    for (let index = 1; index <= 20; index += 1) await writer.write({ entries: entries(index, index) });
    got(await save(writer.storage.snapshots, snapshotAt(15), pieces(1)));
    writer.storage.compact(logIndex(15));
    await writer.storage.close();
    await expect(open(folders.with(segmentsOf(folder)))).rejects.toMatchObject({ code: 'DATA_DAMAGED' });
  });

  test('refuses the snapshot of another cluster', async () => {
    const giver = await open(folders.create());
    got(await save(giver.snapshots, snapshotAt(10), pieces(1)));
    const file = await latestFile(giver.snapshots);
    await giver.close();
    const owner = { ...OWNER, clusterId: clusterId('cluster-b') };
    const storage = await openWal({ folder: folders.create(), ...owner });
    const receipt = got(await receive(storage.snapshots, sourceOf(snapshotAt(10), file)));
    got(await append(receipt, file));
    expect(await finish(receipt)).toMatchObject({ error: { code: 'DATA_FOREIGN' } });
    await storage.close();
  });
});

describe('saving', () => {
  test('takes no more pieces in one turn than fill a slice', async () => {
    const storage = await open(folders.create());
    let inTurn = 0;
    let most = 0;
    function* counting(): Generator<Uint8Array> {
      for (const piece of pieces(50, 100_000)) {
        inTurn += 1;
        most = Math.max(most, inTurn);
        setImmediate(() => {
          inTurn = 0;
        });
        yield piece;
      }
    }
    got(await save(storage.snapshots, snapshotAt(1), counting()));
    expect(most).toBeLessThanOrEqual(3);
    await storage.close();
  });
});
