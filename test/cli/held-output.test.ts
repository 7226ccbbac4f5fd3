import type { writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { HeldOutput } from '../../src/cli/held-output.ts';

/** A file on a disk with so much room: what it holds, and more of it. */
function disk() {
  let room = 0;
  let text = '';
  const write = ((_: number, bytes: Buffer): number => {
    if (room === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    const taken = bytes.subarray(0, room);
    room -= taken.length;
    text += taken.toString();
    return taken.length;
  }) as typeof writeSync;
  return {
    write,
    free: (bytes: number) => {
      room += bytes;
    },
    text: () => text,
  };
}

test('a line that finds no room keeps nobody, and goes ahead of the next one', () => {
  const { write, free, text } = disk();
  const output = new HeldOutput(1, write);
  output.write('one\n');
  expect(text()).toBe('');
  free(6);
  output.write('two\n');
  expect(text()).toBe('one\ntw');
  free(100);
  output.write('three\n');
  expect(text()).toBe('one\ntwo\nthree\n');
});

test('what waits is bounded: lines that come then are dropped whole', () => {
  const { write, free, text } = disk();
  const output = new HeldOutput(1, write);
  const line = `${'x'.repeat(400_000)}\n`;
  for (const _ of [1, 2, 3]) output.write(line);
  free(10_000_000);
  output.write('last\n');
  expect(text()).toBe(`${line}${line}last\n`);
});

test('a bug is no full disk', () => {
  const output = new HeldOutput(1, () => {
    throw new TypeError('a bug');
  });
  expect(() => output.write('one\n')).toThrow('a bug');
});
