import { expect, test } from 'vitest';
import { Applying } from '../../src/node/applying.ts';
import { type Entry, NO_DATA } from '../../src/protocol/entry.ts';
import { INDEX_ZERO, logIndex, term } from '../../src/protocol/ids.ts';
import { MAX_APPLIED_AT_ONCE } from '../../src/protocol/limits.ts';
import { settled, voters } from './lab.ts';

function entries(from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => {
    return { index: logIndex(from + at), term: term(1), kind: 'command', data: NO_DATA };
  });
}

function applying() {
  const applied: number[] = [];
  return { applied, machine: new Applying(INDEX_ZERO, ({ index }) => applied.push(index)) };
}

test('a long log is applied in parts, in order', () => {
  const { applied, machine } = applying();
  machine.add(entries(1, MAX_APPLIED_AT_ONCE + 500));
  machine.goOn();
  expect(applied).toHaveLength(MAX_APPLIED_AT_ONCE);
  expect(machine).toMatchObject({ index: MAX_APPLIED_AT_ONCE, isBehind: true });
  machine.add(entries(MAX_APPLIED_AT_ONCE + 501, MAX_APPLIED_AT_ONCE + 502));
  machine.goOn();
  expect(machine).toMatchObject({ index: MAX_APPLIED_AT_ONCE + 502, isBehind: false });
  expect(applied).toEqual(entries(1, MAX_APPLIED_AT_ONCE + 502).map(({ index }) => index));
});

test('what a snapshot holds already is not applied on top of it', () => {
  const { applied, machine } = applying();
  machine.add(entries(1, 10));
  machine.onRestored(logIndex(7));
  expect(machine.index).toBe(7);
  machine.goOn();
  expect(applied).toEqual([8, 9, 10]);
});

test('after a start a read waits for all that was committed, however many parts that takes', () => {
  const lab = settled();
  const leader = lab.leader();
  const count = 2 * MAX_APPLIED_AT_ONCE + 1;
  for (let at = 0; at < count; at += 1) lab.propose(leader, `c${at}`);
  lab.run(2_000);
  for (const name of voters) lab.crash(name);
  lab.run(5);
  for (const name of voters) lab.start(name);
  const answers = lab.read('a');
  lab.settle();
  expect(answers).toMatchObject([{ ok: true }]);
  for (const name of voters) expect(lab.at(name).applied).toHaveLength(count);
});
