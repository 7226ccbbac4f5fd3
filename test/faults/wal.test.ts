import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWal } from '../../src/storage/wal.ts';
import { entry, OWNER } from '../storage/log-writes.ts';
import { Folders } from '../storage/wal-folder.ts';
import { type Fault, requireStrace, underStrace } from './strace.ts';

const folders = new Folders();
beforeAll(requireStrace);
afterAll(() => folders.dispose());

const WRITES = 60;

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
}

/** Runs a log in a process of its own whose system calls fail. */
function runUnder(fault: Fault, folder: string): Promise<Run> {
  const program = [process.execPath, '--import', 'tsx', join(import.meta.dirname, 'wal-process.ts')];
  const child = spawn('strace', [...underStrace(fault), ...program, folder, String(WRITES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // strace counts the calls of each thread by itself.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, lines: said.trim().split('\n') }));
  });
}

/** The header of the first segment, and the second mark of it. */
const OPENING_WRITES = 2;

/** A snapshot that fails costs that snapshot only. */
const costsASnapshot = ({ lines }: Run): boolean => lines.some((line) => line.startsWith('snapshot DISK_'));

/** How it ended, and why if it says so. */
function endOf({ code, signal, lines }: Run): string {
  const reason = /^ended .*?cannot be used: ([^.]*)\./.exec(lines.at(-1) ?? '')?.[1];
  return `${signal ?? `exit ${code}`}${reason === undefined ? '' : `: ${reason}`}`;
}

const lastOf = (lines: readonly string[], word: string): number =>
  Number(lines.findLast((line) => line.startsWith(word))?.slice(word.length + 1) ?? 0);

/** What a whole disk makes of the folder: everything that was acknowledged, and nothing that was not written. */
async function expectWhole(folder: string, { lines }: Run): Promise<number> {
  const acknowledged = lastOf(lines, 'durable');
  const storage = await openWal({ folder, ...OWNER });
  const { entries, base, snapshot } = storage.recovered;
  await storage.close();
  const last = base.index + entries.length;
  expect(last).toBeGreaterThanOrEqual(acknowledged);
  expect(last).toBeLessThanOrEqual(acknowledged + 1);
  expect(snapshot?.index ?? 0).toBeGreaterThanOrEqual(base.index);
  for (const found of entries) {
    expect(Buffer.from(found.data).equals(Buffer.from(entry(found.index, 1, 300).data))).toBe(true);
  }
  return acknowledged;
}

// The first syncs are those of the opening; syncs of snapshots are among the later ones.
const AT = [1, 2, 3, 5, 8, 13, 21, 34, 55].map((nth) => ({ nth }));

describe.each(AT)('at sync $nth', ({ nth }) => {
  test('an input/output error ends the process with its own code, and nothing is tried again', async () => {
    const folder = folders.create();
    const run = await runUnder(`fdatasync:error=EIO:when=${nth}`, folder);
    expect(endOf(run)).toBe(costsASnapshot(run) ? 'exit 0' : 'exit 74: EIO: i/o error, fdatasync');
    await expectWhole(folder, run);
  });

  test('a lack of room ends it with another code, for that may pass', async () => {
    const folder = folders.create();
    const run = await runUnder(`fdatasync:error=ENOSPC:when=${nth}`, folder);
    expect(run.code).toBe(costsASnapshot(run) ? 0 : 73);
    await expectWhole(folder, run);
  });

  test('SIGKILL leaves a log that goes on', async () => {
    const folder = folders.create();
    const killed = await runUnder(`fdatasync:signal=SIGKILL:when=${nth}`, folder);
    expect(killed.lines.at(-1)).not.toContain('ended');
    const before = await expectWhole(folder, killed);
    const next = await runUnder('fdatasync:delay_enter=1', folder);
    expect(next.code).toBe(0);
    expect(await expectWhole(folder, next)).toBeGreaterThanOrEqual(before + WRITES);
  });
});

describe.each([1, 2, 4, 9, 16, 25, 40].map((nth) => ({ nth })))('at write $nth', ({ nth }) => {
  test('an input/output error ends the process with its own code', async () => {
    const folder = folders.create();
    // From then on all of them: a single one may be of a snapshot, which the log can do without.
    const run = await runUnder(`pwrite64:error=EIO:when=${nth}+`, folder);
    expect(endOf(run)).toBe('exit 74: EIO: i/o error, write');
    await expectWhole(folder, run);
  });

  test('a lack of room is waited for: every entry is there in the end', async () => {
    const folder = folders.create();
    const run = await runUnder(`pwrite64:error=ENOSPC:when=${nth}..${nth + 3}`, folder);
    // While the log is being opened there is nothing to keep up.
    expect(run.code).toBe(nth <= OPENING_WRITES ? 73 : 0);
    expect(await expectWhole(folder, run)).toBe(run.code === 0 ? WRITES : 0);
  });

  test('SIGKILL leaves a log that goes on', async () => {
    const folder = folders.create();
    const killed = await runUnder(`pwrite64:signal=SIGKILL:when=${nth}`, folder);
    await expectWhole(folder, killed);
  });
});

test('a disk that takes its time costs time, and nothing else', async () => {
  const folder = folders.create();
  const run = await runUnder('fdatasync:delay_enter=50000', folder);
  expect(run.code).toBe(0);
  expect(await expectWhole(folder, run)).toBe(WRITES);
});
