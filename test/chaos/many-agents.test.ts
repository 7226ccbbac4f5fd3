import { test } from 'vitest';
import { runMany } from '../process/many-agents.ts';

test('fifty instances: few vote, the others learn, all work', async () => {
  await runMany(50);
});
