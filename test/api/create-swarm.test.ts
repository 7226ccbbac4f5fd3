import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openSwarm } from './swarms.ts';

test('a function does the work of every instance, and the folder goes with the swarm', async () => {
  const workers = new Set<string>();
  const { client, dir, instances, stop } = await openSwarm({
    instances: 3,
    executor: ({ prompt, worker }) => {
      workers.add(worker);
      return `${prompt}, said ${worker}`;
    },
  });
  const ids = await client.submit([{ prompt: 'one' }, { prompt: 'two' }, { prompt: 'three' }]);
  const tasks = await client.settled(ids);
  expect(tasks.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  expect(tasks[1]?.output).toMatch(/^two, said raft-manager-\d$/);
  expect([...workers].sort()).toEqual(instances.map(({ id }) => id).slice(0, workers.size));
  await stop();
  expect(existsSync(dir)).toBe(false);
});
