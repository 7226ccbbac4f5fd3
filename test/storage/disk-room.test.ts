import { EventEmitter, once } from 'node:events';
import { afterAll, describe, expect, test } from 'vitest';
import { diskFailed } from '../../src/storage/disk-error.ts';
import type { Room } from '../../src/storage/disk-room.ts';
import { openWal, type WalOptions } from '../../src/storage/wal.ts';
import { entries, entry, OWNER, plain, replayed, startWriter, type WriteParts } from './log-writes.ts';
import { Folders, type Intercept, intercepted } from './wal-folder.ts';

const folders = new Folders();
afterAll(() => folders.dispose());

const MIB = 1024 * 1024;
const TOTAL = 1_000 * MIB;
/** A twentieth of the disk is kept back. */
const RESERVE = TOTAL / 20;

/** A disk whose room the test sets; it is looked at as often as the machine manages. */
function diskWith(freeBytes: number) {
  const room = { freeBytes, totalBytes: TOTAL };
  const looks = new EventEmitter();
  const measure = async (): Promise<Room> => {
    looks.emit('look');
    return { ...room };
  };
  const watch: WalOptions['room'] = { measure, lookAgainMs: 0 };
  return {
    watch,
    set: (bytes: number) => {
      room.freeBytes = bytes;
    },
    /** Two looks begin: the first of them has been judged by then. */
    looked: async () => {
      await once(looks, 'look');
      await once(looks, 'look');
    },
  };
}

const noRoom = (syscall: string): Error =>
  Object.assign(new Error(`ENOSPC: no space left on device, ${syscall}`), { code: 'ENOSPC', syscall });

const open = (folder: string, options: Partial<WalOptions>) => openWal({ folder, ...OWNER, ...options });

describe('the reserve of a disk', () => {
  test.each([
    { why: 'there is more than the reserve', free: RESERVE, isShort: false },
    { why: 'the reserve is touched', free: RESERVE - 1, isShort: true },
    { why: 'nothing is left', free: 0, isShort: true },
  ])('is looked at when the log is opened: $why', async ({ free, isShort }) => {
    const storage = await open(folders.create(), { room: diskWith(free).watch });
    expect(storage.shortage?.code).toBe(isShort ? 'DISK_FULL' : undefined);
    await storage.close();
  });

  test('of a large disk is 64 MiB, not its twentieth', async () => {
    const measure = async () => ({ freeBytes: 65 * MIB, totalBytes: 1_000 * TOTAL });
    const storage = await open(folders.create(), { room: { measure } });
    expect(storage.shortage).toBeUndefined();
    await storage.close();
  });

  test.each([
    { why: 'it does not say', measure: async () => ({ freeBytes: 0, totalBytes: 0 }) },
    { why: 'it cannot be asked', measure: () => Promise.reject(new Error('ENOSYS: statfs')) },
  ])('of a file system that has none to tell of is taken to be there: $why', async ({ measure }) => {
    const storage = await open(folders.create(), { room: { measure } });
    expect(storage.shortage).toBeUndefined();
    await storage.close();
  });

  test('is watched beside the writing, told once each way, and eased only with some to spare', async () => {
    const disk = diskWith(2 * RESERVE);
    const storage = await open(folders.create(), { room: disk.watch });
    const told: (string | undefined)[] = [];
    const changed = new EventEmitter();
    let onDurable: () => void = () => undefined;
    storage.start({
      onDurable: () => onDurable(),
      onFailed: (error) => changed.emit('error', error),
      onRoomChanged: (shortage) => {
        told.push(shortage?.code);
        changed.emit('room');
      },
    });
    const write = (sequence: number) =>
      new Promise<void>((resolve) => {
        onDurable = resolve;
        const parts = { hardState: undefined, restartAt: undefined, truncateFrom: undefined };
        storage.write({ ...parts, sequence, entries: [entry(sequence)] });
      });
    disk.set(RESERVE - 1);
    const short = once(changed, 'room');
    await write(1);
    await short;
    expect(told).toEqual(['DISK_FULL']);
    expect(storage.shortage).toMatchObject({ code: 'DISK_FULL' });
    // What is under way still has room.
    await write(2);
    disk.set(RESERVE * 1.1);
    await disk.looked();
    expect(storage.shortage).toBeDefined();
    const ample = once(changed, 'room');
    disk.set(RESERVE * 1.25);
    await ample;
    expect(told).toEqual(['DISK_FULL', undefined]);
    expect(storage.shortage).toBeUndefined();
    await storage.close();
  });
});

/** Refuses the first `times` calls of a kind, once `armed`. */
function refusing(kind: 'open' | 'write' | 'sync', times: number, error: Error) {
  let left = 0;
  const intercept: Intercept = (call) => {
    if (call !== kind || left === 0) return undefined;
    left -= 1;
    return error;
  };
  return {
    openFile: intercepted(intercept),
    arm: () => {
      left = times;
    },
  };
}

describe('no room at all', () => {
  const ROWS = [
    { why: 'for a write', kind: 'write', maxSegmentBytes: 1_000_000 },
    { why: 'for the file of the next segment', kind: 'open', maxSegmentBytes: 100 },
    { why: 'for the header of the next segment', kind: 'write', maxSegmentBytes: 100 },
  ] as const;
  test.each(ROWS)('$why is waited for, and nobody is told meanwhile', async ({ kind, maxSegmentBytes }) => {
    const disk = diskWith(RESERVE * 2);
    const folder = folders.create();
    // More often than the two looks that the test waits for.
    const files = refusing(kind, 9, noRoom(kind));
    const writer = startWriter(
      await open(folder, { room: disk.watch, openFile: files.openFile, maxSegmentBytes }),
    );
    const writes: WriteParts[] = [{ entries: entries(1, 3) }, { entries: entries(4, 6) }];
    await writer.write(writes[0] ?? {});
    files.arm();
    const sequence = writer.queue(writes[1] ?? {});
    await disk.looked();
    expect(writer.durable).toEqual([1]);
    await writer.settled(sequence);
    expect(writer.failures).toEqual([]);
    expect(writer.durable).toEqual([1, 2]);
    await writer.storage.close();
    const again = await open(folder, {});
    expect(plain(again.recovered)).toEqual(replayed(writes));
    await again.close();
  });

  test('is waited for no longer when the log is closed, and the folder is free again', async () => {
    const disk = diskWith(0);
    const folder = folders.create();
    const files = refusing('write', Number.POSITIVE_INFINITY, noRoom('write'));
    const writer = startWriter(await open(folder, { room: disk.watch, openFile: files.openFile }));
    await writer.write({ entries: entries(1, 1) });
    files.arm();
    writer.queue({ entries: entries(2, 2) });
    await disk.looked();
    await writer.storage.close();
    expect(writer.durable).toEqual([1]);
    const again = await open(folder, {});
    expect(again.recovered.entries).toHaveLength(1);
    await again.close();
  });

  test('for a sync is never waited for: what became of the pages is not known', async () => {
    const files = refusing('sync', 1, noRoom('fdatasync'));
    const writer = startWriter(await open(folders.create(), { openFile: files.openFile }));
    files.arm();
    await writer.write({ entries: entries(1, 1) });
    expect(writer.failures).toMatchObject([{ code: 'DISK_FULL' }]);
    await writer.storage.close();
  });

  test('at opening is told at once: there is nothing yet that could be kept up', async () => {
    const files = refusing('write', 1, noRoom('write'));
    files.arm();
    await expect(open(folders.create(), { openFile: files.openFile })).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('free space'),
    });
  });
});

test('a sync that does not come back is a disk that failed', async () => {
  let hangs = false;
  const intact = intercepted(() => undefined);
  const openFile: WalOptions['openFile'] = async (path) => {
    const file = await intact(path);
    return { ...file, sync: (done) => (hangs ? undefined : file.sync(done)) };
  };
  const writer = startWriter(await open(folders.create(), { openFile, maxSyncMs: 20 }));
  hangs = true;
  await writer.write({ entries: entries(1, 1) });
  expect(writer.failures).toMatchObject([
    { code: 'DISK_FAILED', message: expect.stringContaining('has not come back for 0.02 s') },
  ]);
  await writer.storage.close();
});

test.each([
  { errno: 'EROFS', code: 'DISK_FAILED', says: 'read-only' },
  { errno: 'EACCES', code: 'DISK_FAILED', says: 'chown' },
  { errno: 'EPERM', code: 'DISK_FAILED', says: 'owner' },
  { errno: 'EIO', code: 'DISK_FAILED', says: 'disk itself failed' },
  { errno: 'ENOENT', code: 'DISK_FAILED', says: 'gone' },
  { errno: 'ENOTDIR', code: 'DISK_FAILED', says: 'not a folder' },
  { errno: 'ENOSPC', code: 'DISK_FULL', says: 'free space' },
  { errno: 'EDQUOT', code: 'DISK_FULL', says: 'quota' },
  { errno: 'EWHATEVER', code: 'DISK_FAILED', says: 'Check the disk' },
])('$errno says what to do', ({ errno, code, says }) => {
  const cause = Object.assign(new Error(`${errno}: as the system says, open '/x'`), { code: errno });
  expect(diskFailed('/x', cause)).toMatchObject({
    code,
    message: expect.stringMatching(new RegExp(`^the data in /x cannot be used: ${errno}.*${says}`)),
    details: { folder: '/x', errno },
  });
});
