import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DEFAULT_LEASE_MS } from '../../src/protocol/limits.ts';
import { Coordinator } from '../../src/swarm/coordinator.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import type { TaskCommand } from '../../src/tasks/command.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { Log } from '../tasks/log.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A coordinator of one log with a task that is ready; `heard` is what its members are known to understand. */
function reign(heard: number | undefined) {
  const log = new Log();
  log.register('n1');
  log.submit('a');
  const proposed: TaskCommand['kind'][] = [];
  const swarm = { heard, silentMs: 0 };
  const coordinator = new Coordinator({
    machine: log.machine,
    leaseMs: DEFAULT_LEASE_MS,
    budget: {},
    propose: async (command) => {
      proposed.push(command.kind);
      coordinator.onApplied(log.append(encodeEnvelope({ at: 1, body: command })).events);
      return true;
    },
    silences: () => [{ id: 'n1', silentMs: swarm.silentMs }],
    isMember: () => true,
    commonLevel: () => swarm.heard,
  });
  onTestFinished(() => coordinator.end());
  return { coordinator, log, proposed, swarm };
}

describe('the first task of a swarm', () => {
  test.each([
    { why: 'all members are heard', heard: LATEST_LEVEL, proposed: ['raise-level', 'assign'] },
    { why: 'an older release holds the level back', heard: 1, proposed: ['assign'] },
    { why: 'an older release allows for a step', heard: 2, proposed: ['raise-level', 'assign'] },
  ])('is given out at once where $why', async ({ heard, proposed: expected }) => {
    const { coordinator, proposed } = reign(heard);
    coordinator.begin();
    await vi.advanceTimersByTimeAsync(0);
    expect(proposed).toEqual(expected);
  });

  test('is given out at the level that is known, and that is raised once the last member is heard', async () => {
    const { coordinator, proposed, swarm } = reign(undefined);
    coordinator.begin();
    await vi.advanceTimersByTimeAsync(0);
    expect(proposed).toEqual(['assign']);
    swarm.heard = LATEST_LEVEL;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(proposed).toEqual(['assign', 'raise-level']);
  });
});

test('whoever is silent is given nothing new before it is heard again', async () => {
  const { coordinator, log, proposed, swarm } = reign(LATEST_LEVEL);
  coordinator.begin();
  await vi.advanceTimersByTimeAsync(0);
  swarm.silentMs = 1_000;
  await vi.advanceTimersByTimeAsync(1_000);
  coordinator.onApplied(log.apply({ kind: 'submit', key: 'b', tasks: [{ id: 'b', run: 'true' }] }).events);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(proposed).toEqual(['raise-level', 'assign']);
  swarm.silentMs = 0;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(proposed).toEqual(['raise-level', 'assign', 'assign']);
});
