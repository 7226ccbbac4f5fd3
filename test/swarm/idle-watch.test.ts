import { expect, test } from 'vitest';
import { IdleWatch } from '../../src/swarm/idle-watch.ts';

const lease = (key: string, version: number) => ({ key, version, allowedMs: 100 });

test('names what has not moved for longer than it may', () => {
  const watch = new IdleWatch<number>();
  expect(watch.look([lease('a', 1), lease('b', 1)], 0)).toEqual([]);
  expect(watch.look([lease('a', 1), lease('b', 2)], 60)).toEqual([]);
  expect(watch.look([lease('a', 1), lease('b', 2)], 101)).toEqual(['a']);
});

test('gives everything its full time again when it has just begun to look', () => {
  const watch = new IdleWatch<number>();
  expect(watch.look([lease('a', 1)], 1_000_000)).toEqual([]);
});

test('forgets what is no longer there', () => {
  const watch = new IdleWatch<number>();
  watch.look([lease('a', 1)], 0);
  watch.look([], 50);
  expect(watch.look([lease('a', 1)], 120)).toEqual([]);
});
