import { describe, test } from 'vitest';
import { killCoordinatorWhileSubmitting, killEverythingWhileSubmitting } from '../process/submissions.ts';

const ROUNDS = Array.from({ length: 10 }, (_, at) => ({ round: at + 1 }));

describe('no acknowledged submission is missing', () => {
  test.each(ROUNDS)('after the coordinator was killed, round $round', async () => {
    await killCoordinatorWhileSubmitting();
  });

  test.each(ROUNDS)('after all processes were killed, round $round', async () => {
    await killEverythingWhileSubmitting();
  });
});
