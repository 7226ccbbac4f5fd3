import { describe, expect, test } from 'vitest';
import { explained } from '../../src/swarm/level.ts';
import { CommandSession } from '../../src/swarm/session.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import type { TaskCommand } from '../../src/tasks/command.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';
import { Log } from '../tasks/log.ts';
import { idle, stand } from './instances.ts';

const SAVE: TaskCommand = { kind: 'save-turn', taskId: 'a', fence: 2, turn: 1, usage: NO_USAGE };
const encoded = (body: TaskCommand): Uint8Array => encodeEnvelope({ at: 1, body });

test('a swarm is at the latest level at once, though a founder was never heard', async () => {
  const { client } = await stand({ instances: 3, absent: 1, executor: idle });
  expect(await client.query({ kind: 'overview' })).toMatchObject({ level: LATEST_LEVEL });
});

describe('what some member does not understand yet', () => {
  test('is refused in words that say so, though the log calls it no command', () => {
    const log = new Log();
    const { result } = log.append(encoded(SAVE));
    expect(result).toMatchObject({ ok: false, code: 'MALFORMED' });
    expect(explained(result, encoded(SAVE), log.machine.level)).toEqual({
      ok: false,
      code: 'LEVEL_TOO_LOW',
      message: expect.stringMatching(
        /"save-turn" .* needs a log of level 3, and it is at 1: a member runs an older/,
      ),
    });
  });

  test.each([
    { why: 'is no command anywhere', command: new Uint8Array([1, 2, 3]) },
    { why: 'is refused for another reason', command: encoded({ kind: 'retry', taskId: 'nobody' }) },
    { why: 'is done', command: encoded({ kind: 'resume' }) },
  ])('is told from what $why', ({ command }) => {
    const log = new Log();
    const { result } = log.append(command);
    expect(explained(result, command, log.machine.level)).toBe(result);
  });

  test('is sent again for a while: a swarm that is just starting has not heard all of its members', async () => {
    const log = new Log();
    log.submit('a');
    log.claim('a');
    let refusals = 0;
    const session = new CommandSession(async (bytes) => {
      const { result } = log.append(bytes);
      const told = explained(result, bytes, log.machine.level);
      if (!told.ok && told.code === 'LEVEL_TOO_LOW') {
        refusals += 1;
        if (refusals === 2) log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
      }
      return told;
    });
    expect(await session.execute(SAVE)).toEqual({ taskId: 'a', fence: 2, state: 'running' });
    expect(refusals).toBe(2);
  });

  test('is refused for good when nobody raises the level', async () => {
    const log = new Log();
    const session = new CommandSession(async (bytes) => {
      return explained(log.append(bytes).result, bytes, log.machine.level);
    });
    await expect(session.execute(SAVE, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'LEVEL_TOO_LOW' });
  });
});
