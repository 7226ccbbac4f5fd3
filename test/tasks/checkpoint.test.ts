import { expect, test } from 'vitest';
import { Checkpoints } from '../../src/tasks/checkpoint.ts';

const image = (): Iterator<Uint8Array> => [new Uint8Array(1)].values();

/** Indexes of the notes that still have the whole state with them. */
function withImages(checkpoints: Checkpoints, indexes: readonly number[]): readonly number[] {
  return indexes.filter((index) => checkpoints.at(index)?.image !== undefined);
}

test('a state that somebody is about to look through outlives the comparisons made meanwhile', () => {
  const checkpoints = new Checkpoints();
  checkpoints.note({ index: 1, stateHash: 'a', image: image() });
  for (const index of [2, 3, 4]) checkpoints.note({ index, stateHash: 'b', image: undefined });
  checkpoints.note({ index: 5, stateHash: 'c', image: image() });
  expect(withImages(checkpoints, [1, 2, 3, 4, 5])).toEqual([1, 5]);
  checkpoints.note({ index: 6, stateHash: 'd', image: image() });
  expect(withImages(checkpoints, [1, 5, 6])).toEqual([5, 6]);
  expect(checkpoints.at(1)).toEqual({ index: 1, stateHash: 'a', image: undefined });
});

test('the latest notes are kept', () => {
  const checkpoints = new Checkpoints();
  for (let index = 1; index <= 40; index += 1) checkpoints.note({ index, stateHash: '', image: undefined });
  expect([8, 9, 40].map((index) => checkpoints.at(index)?.index)).toEqual([undefined, 9, 40]);
});
