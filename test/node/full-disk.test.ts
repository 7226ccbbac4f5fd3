import { expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { settled } from './lab.ts';

const SHORTAGE = new SwarmError('DISK_FULL', 'nearly full', { retryAfterMs: 100 });
const refused = [{ ok: false, error: expect.objectContaining({ code: 'DISK_FULL' }) }];
const done = [{ ok: true, value: expect.anything() }];

test('a leader whose disk is nearly full refuses commands, answers reads, and takes them again by itself', () => {
  const lab = settled();
  const leader = lab.leader();
  const before = lab.propose(leader, 'a');
  lab.run(100);
  expect(before).toEqual(done);
  lab.at(leader).storage.setShortage(SHORTAGE);
  const { lastIndex, term } = lab.at(leader).node.status();
  const answers = lab.propose(leader, 'b');
  const read = lab.read(leader);
  lab.run(5_000);
  expect(answers).toEqual(refused);
  expect(read).toEqual([{ ok: true, value: lastIndex }]);
  expect(lab.at(leader).node.status()).toMatchObject({ role: 'leader', term, lastIndex });
  lab.at(leader).storage.setShortage(undefined);
  const after = lab.propose(leader, 'c');
  lab.run(100);
  expect(after).toEqual(done);
  expect(lab.at(leader).applied).toEqual(['a', 'c']);
});

test('a command that was taken in before the disk filled is refused before it reaches the log', () => {
  const lab = settled();
  const leader = lab.leader();
  const answers = lab.propose(leader, 'a');
  lab.at(leader).storage.setShortage(SHORTAGE);
  lab.run(100);
  expect(answers).toEqual(refused);
  expect(lab.at(leader).applied).toEqual([]);
});

test('a leader without room refuses what a follower brings that has some, and that one says why', () => {
  const lab = settled();
  const leader = lab.leader();
  const follower = lab.follower();
  const { lastIndex } = lab.at(leader).node.status();
  lab.at(leader).storage.setShortage(SHORTAGE);
  const answers = lab.propose(follower, 'a');
  lab.run(1_000);
  expect(answers).toEqual(refused);
  expect(lab.at(leader).node.status().lastIndex).toBe(lastIndex);
  lab.at(leader).storage.setShortage(undefined);
  const after = lab.propose(follower, 'b');
  lab.run(1_000);
  expect(after).toEqual(done);
  expect(lab.at(leader).applied).toEqual(['b']);
});

test('a follower without room of its own goes on following, and refuses what its clients bring', () => {
  const lab = settled();
  const follower = lab.follower();
  lab.at(follower).storage.setShortage(SHORTAGE);
  const refusal = lab.propose(follower, 'a');
  const taken = lab.propose(lab.leader(), 'b');
  lab.run(1_000);
  expect(refusal).toEqual(refused);
  expect(taken).toEqual(done);
  expect(lab.at(follower).applied).toEqual(['b']);
});
