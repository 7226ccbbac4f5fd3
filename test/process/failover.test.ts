import { describe, test } from 'vitest';
import { killCoordinatorOfFanOut, pauseCoordinator } from './coordinator-loss.ts';

describe('the coordinator is killed in the middle of two hundred tasks', () => {
  test.each([{ after: 5 }, { after: 60 }, { after: 120 }])('after $after executions', async ({ after }) => {
    await killCoordinatorOfFanOut(after);
  });
});

test('a coordinator that was paused finds its task done by another, and its word refused', async () => {
  await pauseCoordinator();
});
