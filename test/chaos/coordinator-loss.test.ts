import { describe, test } from 'vitest';
import { killCoordinatorOfFanOut, pauseCoordinator } from '../process/coordinator-loss.ts';

/** From the first executions to the last ones. */
const KILLS = Array.from({ length: 20 }, (_, at) => ({ after: 1 + at * 7 }));
const PAUSES = Array.from({ length: 5 }, (_, at) => ({ round: at + 1 }));

describe('the coordinator is killed in the middle of two hundred tasks', () => {
  test.each(KILLS)('after $after executions', async ({ after }) => {
    await killCoordinatorOfFanOut(after);
  });
});

describe('the coordinator is paused until its lease has run out', () => {
  test.each(PAUSES)('round $round', async () => {
    await pauseCoordinator();
  });
});
