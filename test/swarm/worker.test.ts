import { describe, expect, test } from 'vitest';
import { type ErrorCode, SwarmError } from '../../src/protocol/errors.ts';
import { Worker } from '../../src/swarm/worker.ts';
import { Log } from '../tasks/log.ts';

/** A worker whose wish to be let in is answered so, one time after the other. */
function workerThatIsTold(...answers: readonly (ErrorCode | 'welcome')[]) {
  const left = [...answers];
  const troubles: string[] = [];
  let asked = 0;
  let turns = 0;
  const worker = new Worker({
    instanceId: 'a',
    agent: 'gardener',
    capabilities: [],
    capacity: 1,
    life: 'first',
    machine: new Log().machine,
    session: {
      async execute() {
        asked += 1;
        setImmediate(() => {
          turns += 1;
        });
        const answer = left.shift() ?? 'welcome';
        if (answer !== 'welcome') throw new SwarmError(answer, 'not now');
        return {} as never;
      },
    },
    runAttempt: () => Promise.reject(new Error('nothing to do')),
    openDesk: () => {
      throw new Error('nothing to do');
    },
    onTrouble: (error) => troubles.push((error as SwarmError).code),
  });
  return { worker, troubles, asked: () => asked, turns: () => turns };
}

describe('whoever is not let in', () => {
  test('asks again, and everything else goes on meanwhile', async () => {
    const { worker, troubles, asked, turns } = workerThatIsTold('NO_QUORUM', 'LIMIT_EXCEEDED');
    await worker.join();
    expect({ asked: asked(), turns: turns() }).toEqual({ asked: 3, turns: 2 });
    expect(troubles).toEqual(['NO_QUORUM', 'LIMIT_EXCEEDED']);
  });

  test('asks no more when its node has stopped', async () => {
    const { worker, asked } = workerThatIsTold('STOPPED', 'STOPPED');
    await worker.join();
    expect(asked()).toBe(1);
  });
});
