import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { openWalFile } from '../../src/storage/wal-file.ts';
import { entries, OWNER, startWriter } from './log-writes.ts';
import { Folders } from './wal-folder.ts';

/** Paths that were synced, and segments that were opened, in order. */
const steps: string[] = [];

// The file system itself: what it was asked to make durable cannot be seen in any other way.
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const open: typeof original.open = async (path, ...rest) => {
    const handle = await original.open(path, ...rest);
    const sync = handle.sync.bind(handle);
    handle.sync = () => {
      steps.push(`sync ${String(path)}`);
      return sync();
    };
    return handle;
  };
  return { ...original, open };
});

const folders = new Folders();
afterAll(() => folders.dispose());
beforeEach(() => {
  steps.length = 0;
});

const open = (folder: string) =>
  openWal({
    folder,
    ...OWNER,
    openFile: async (path) => {
      steps.push(`write ${path}`);
      return openWalFile(path);
    },
  });

test('the names of a folder that others have made are durable before anything is written to it', async () => {
  const folder = join(folders.create(), 'nodes', 'n1', 'wal');
  mkdirSync(dirname(folder), { recursive: true });
  await (await open(folder)).close();
  const above = [folder, dirname(folder), dirname(dirname(folder)), dirname(dirname(dirname(folder)))];
  const before = steps.slice(0, steps.indexOf(`write ${join(folder, '00000001.wal')}`));
  expect(before).toEqual(expect.arrayContaining(above.map((path) => `sync ${path}`)));
});

test('the name of a new segment is durable before anything but its header is written', async () => {
  const folder = folders.create();
  const storage = await open(folder);
  const opened = steps.indexOf(`write ${join(folder, '00000001.wal')}`);
  expect(steps.slice(opened + 1)).toEqual([`sync ${folder}`]);
  await storage.close();
});

test('the name of a segment that a killed life left is durable before the log goes on in it', async () => {
  const folder = folders.create();
  const writer = startWriter(await open(folder));
  await writer.write({ entries: entries(1, 1) });
  const copy = folders.copyOf(folder);
  await writer.storage.close();
  steps.length = 0;
  const again = await open(copy);
  const opened = steps.indexOf(`write ${join(copy, '00000001.wal')}`);
  expect(steps.slice(0, opened)).toContain(`sync ${copy}`);
  await again.close();
});
