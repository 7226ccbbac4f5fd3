import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { logIndex, term } from '../../src/protocol/ids.ts';
import { CommandSession, patienceFor } from '../../src/swarm/session.ts';
import { packError, unpackError } from '../../src/swarm/wire.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';

const BUSY = new SwarmError('BUSY', 'too much to do', { retryAfterMs: 40, peer: 'n1' });

describe('a node that has too much to do', () => {
  test('tells its clients when to come again, and nothing else of its details', () => {
    const { code, message, details } = unpackError(packError(BUSY));
    expect({ code, message, details }).toEqual({
      code: 'BUSY',
      message: 'too much to do',
      details: { retryAfterMs: 40 },
    });
  });

  test('an error that asks for no patience carries none', () => {
    expect(unpackError(packError(new SwarmError('NOT_LEADER', 'ask n2'))).details).toEqual({});
  });

  test('is left alone for as long as it asks, and clients spread over as much again', () => {
    const pauses = Array.from({ length: 100 }, () => patienceFor(BUSY));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(80);
    expect(new Set(pauses).size).toBeGreaterThan(1);
    expect(patienceFor(new SwarmError('NOT_LEADER', ''))).toBe(0);
  });

  test('takes a command that comes again once it has room', async () => {
    const machine = new TaskMachine();
    let heard = 0;
    const session = new CommandSession(async (data) => {
      heard += 1;
      if (heard < 3) throw BUSY;
      return machine.apply({ index: logIndex(heard), term: term(1), kind: 'command', data }).result;
    });
    await session.execute({ kind: 'pause', reason: 'busy' });
    expect(machine.paused).toBe('busy');
  });

  test('is not asked again by a client that has not so much time', async () => {
    let heard = 0;
    const session = new CommandSession(() => {
      heard += 1;
      return Promise.reject(BUSY);
    });
    const refused = session.execute({ kind: 'resume' }, { timeoutMs: 39 });
    await expect(refused).rejects.toMatchObject({ code: 'BUSY' });
    expect(heard).toBe(1);
  });
});
