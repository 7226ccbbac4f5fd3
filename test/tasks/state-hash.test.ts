import { expect, test } from 'vitest';
import { Log } from './log.ts';

type Command = Parameters<Log['apply']>[0];

/** A task in work, so that there is something to say about it. */
function prepared(): Log {
  const log = new Log();
  log.submit('a', { id: 'failing', retries: 1 });
  log.register('w');
  log.claim('a');
  log.claim('failing');
  return log;
}

const held = { taskId: 'a', fence: 3 };
const spec = { id: 'new', prompt: 'one' };
const registration = {
  kind: 'register',
  instanceId: 'w',
  agent: 'worker',
  capabilities: [],
  capacity: 1,
  life: 'first',
};
const reservation = { kind: 'reserve', reservationId: 'r', holder: 'w', paths: ['src'], mode: 'shared' };

test.each<{ why: string; one: Command; other: Command }>([
  {
    why: 'output',
    one: { kind: 'complete', ...held, output: 'one' },
    other: { kind: 'complete', ...held, output: 'two' },
  },
  {
    why: 'exit code',
    one: { kind: 'complete', ...held, exitCode: 0 },
    other: { kind: 'complete', ...held, exitCode: 1 },
  },
  {
    why: 'a note',
    one: { kind: 'note', ...held, text: 'one' },
    other: { kind: 'note', ...held, text: 'two' },
  },
  {
    why: 'a reason',
    one: { kind: 'fail', taskId: 'failing', fence: 4, reason: 'one' },
    other: { kind: 'fail', taskId: 'failing', fence: 4, reason: 'two' },
  },
  {
    why: 'a spec',
    one: { kind: 'submit', key: 'k', tasks: [spec] },
    other: { kind: 'submit', key: 'k', tasks: [{ ...spec, prompt: 'two' }] },
  },
  {
    why: 'a sign of life',
    one: { kind: 'start', ...held },
    other: { kind: 'note', ...held, text: 'the same answer as start has' },
  },
  { why: 'a pause', one: { kind: 'pause', reason: 'one' }, other: { kind: 'pause', reason: 'two' } },
  {
    why: 'an instance',
    one: { ...registration, kind: 'register' },
    other: { ...registration, kind: 'register', capacity: 2 },
  },
  {
    why: 'a reservation',
    one: { ...reservation, kind: 'reserve' },
    other: { ...reservation, kind: 'reserve', paths: ['docs'] },
  },
])('tells states apart although the answers are the same: $why', ({ one, other }) => {
  const [left, right] = [prepared(), prepared()];
  expect(left.machine.stateHash).toBe(right.machine.stateHash);
  expect(left.apply(one).result).toEqual(right.apply(other).result);
  expect(left.machine.stateHash).not.toBe(right.machine.stateHash);
});

test('tells times apart that have come into the state', () => {
  const [left, right] = [prepared(), prepared()];
  right.at += 1;
  expect(left.apply({ kind: 'cancel', taskId: 'a' }).result).toEqual(
    right.apply({ kind: 'cancel', taskId: 'a' }).result,
  );
  expect(left.machine.stateHash).not.toBe(right.machine.stateHash);
});
