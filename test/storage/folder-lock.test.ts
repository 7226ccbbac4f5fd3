import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { holderOf, lockFolder } from '../../src/storage/folder-lock.ts';
import { Folders } from './wal-folder.ts';

const folders = new Folders();
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => folders.dispose());

function empty(): string {
  const folder = folders.create();
  mkdirSync(folder);
  return folder;
}

async function holder(folder: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, folder], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess, order: 'take' | 'contend'): Promise<string> {
  const answer = Promise.race([once(child, 'message'), once(child, 'exit')]);
  child.send(order);
  const [text] = await answer;
  return String(text);
}

const held = (folder: string) => () => lockFolder(folder);

describe('the lock on a folder (pitfall 32)', () => {
  test('is held once in one process, and free when given back', () => {
    const folder = empty();
    expect(holderOf(folder)).toBeUndefined();
    for (let round = 1; round <= 3; round += 1) {
      const unlock = lockFolder(folder);
      expect(holderOf(folder)).toBe(process.pid);
      expect(held(folder)).toThrow(expect.objectContaining({ code: 'DATA_LOCKED' }));
      unlock();
      expect(holderOf(folder)).toBeUndefined();
    }
  });

  test('may be given back after its folder is gone', () => {
    const folder = empty();
    const unlock = lockFolder(folder);
    rmSync(folder, { recursive: true });
    expect(unlock).not.toThrow();
    expect(holderOf(folder)).toBeUndefined();
  });

  test('names the process that holds it, and falls free when that is killed', async () => {
    const folder = empty();
    const child = await holder(folder);
    expect(await ask(child, 'take')).toBe('taken');
    expect(held(folder)).toThrow(
      expect.objectContaining({
        code: 'DATA_LOCKED',
        message: expect.stringContaining(`process ${child.pid}`),
        details: { folder, pid: child.pid },
      }),
    );
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    expect(holderOf(folder)).toBeUndefined();
    lockFolder(folder)();
  });

  test.each([
    {
      why: 'another process has its pid now',
      content: JSON.stringify({ pid: process.pid, begun: 'earlier' }),
    },
    { why: 'no process has its pid', content: JSON.stringify({ pid: 2 ** 30, begun: 'earlier' }) },
    { why: 'a power cut emptied it', content: '' },
    { why: 'a power cut left zeros', content: '\0\0\0\0' },
    { why: 'it says nothing', content: '{}' },
    { why: 'it says nothing at all', content: 'null' },
    { why: 'it says something else', content: '["lock"]' },
    { why: 'it names no process', content: '{"pid":"1","begun":""}' },
    { why: 'it names every process', content: '{"pid":-1,"begun":""}' },
  ])('is taken over when $why', ({ content }) => {
    const folder = empty();
    writeFileSync(join(folder, 'lock-7'), content);
    const unlock = lockFolder(folder);
    expect(holderOf(folder)).toBe(process.pid);
    expect(readdirSync(folder)).toEqual(['lock-8']);
    unlock();
  });

  test('is not held by a process that is dead but not buried', async () => {
    const folder = empty();
    // The shell becomes `sleep`, which does not wait for the child that the shell had.
    const undertaker = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 600']);
    children.push(undertaker);
    const [output] = await once(undertaker.stdout, 'data');
    const pid = Number(String(output).trim());
    const statOf = (): string[] => {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    };
    await expect.poll(() => statOf()[0]).toBe('Z');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    writeFileSync(join(folder, 'lock-1'), JSON.stringify({ pid, begun: `${boot}/${statOf()[19]}` }));
    expect(holderOf(folder)).toBeUndefined();
    lockFolder(folder)();
  });

  test('has one winner when several processes find it stale at once', async () => {
    const folder = empty();
    const takers = await Promise.all(Array.from({ length: 4 }, () => holder(folder)));
    for (let round = 1; round <= 3; round += 1) {
      writeFileSync(join(folder, `lock-${round * 10}`), JSON.stringify({ pid: 2 ** 30, begun: 'earlier' }));
    }
    const answers = await Promise.all(takers.map((taker) => ask(taker, 'take')));
    const winner = takers[answers.indexOf('taken')];
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1);
    for (const answer of answers.filter((text) => text !== 'taken')) {
      expect(answer).toContain(`in use by process ${winner?.pid}`);
    }
    expect(holderOf(folder)).toBe(winner?.pid);
  });

  test('is never held by two, however often it changes hands', async () => {
    const folder = empty();
    const takers = await Promise.all(Array.from({ length: 4 }, () => holder(folder)));
    const answers = await Promise.all(takers.map((taker) => ask(taker, 'contend')));
    expect(answers).toEqual(Array.from({ length: 4 }, () => 'always alone'));
  });
});
