import { expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { logIndex, term } from '../../src/protocol/ids.ts';
import { CommandSession } from '../../src/swarm/session.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import type { TaskCommand, TaskResult } from '../../src/tasks/command.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';

/** A machine and the log in front of it, as far as a session sees them. */
function openLog() {
  const machine = new TaskMachine();
  let index = 0;
  const append = (data: Uint8Array): TaskResult => {
    index += 1;
    return machine.apply({ index: logIndex(index), term: term(1), kind: 'command', data }).result;
  };
  /** What the coordinator does with a client that was silent for an hour. */
  const expireSessions = (): void => {
    for (const { id, lastIndex } of [...machine.sessions.values()]) {
      const body: TaskCommand = { kind: 'session-expire', sessionId: id, lastIndex };
      expect(append(encodeEnvelope({ at: 0, body }))).toMatchObject({ ok: true });
    }
  };
  return { machine, append, expireSessions };
}

const pause = (reason: string): TaskCommand => ({ kind: 'pause', reason });

test('a client that was silent for so long that its session was closed opens another', async () => {
  const { machine, append, expireSessions } = openLog();
  const session = new CommandSession(async (data) => append(data));
  await session.execute(pause('before'));
  expireSessions();
  await session.execute(pause('after'));
  expect(machine.paused).toBe('after');
  expect(machine.sessions.size).toBe(1);
});

test('a command that may have been applied is not brought again by another session', async () => {
  const { machine, append, expireSessions } = openLog();
  let answers: 'come' | 'get lost' = 'come';
  const session = new CommandSession(async (data) => {
    const result = append(data);
    if (answers === 'come') return result;
    answers = 'come';
    expireSessions();
    throw new SwarmError('OUTCOME_UNKNOWN', 'the link closed before it answered');
  });
  await session.execute(pause('before'));
  answers = 'get lost';
  await expect(session.execute(pause('once'))).rejects.toMatchObject({ code: 'SESSION_EXPIRED' });
  expect(machine.paused).toBe('once');
});
