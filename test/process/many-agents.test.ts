import { test } from 'vitest';
import { runMany } from './many-agents.ts';

test('twelve instances: few vote, the others learn, all work', async () => {
  await runMany(12);
});
