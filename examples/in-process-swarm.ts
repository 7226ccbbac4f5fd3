// Three agent instances in this program, each a real Raft node. They share out twelve tasks; in the middle of it the
// coordinator leaves, another one is elected, and nothing is lost or done twice.
//
//   npx tsx examples/in-process-swarm.ts

import { setTimeout as sleep } from 'node:timers/promises';
import { createSwarm } from 'raft-manager';

const swarm = await createSwarm({
  instances: 3,
  // Stands for whatever does the work: a model, a build, a call to somewhere. It gives up when its signal is given.
  executor: async ({ prompt, worker, signal }) => {
    await sleep(50, undefined, { signal });
    return `${prompt}, says ${worker}`;
  },
});

try {
  const { client, instances } = swarm;
  const ids = await client.submit(
    Array.from({ length: 12 }, (_, at) => ({ id: `row-${at + 1}`, prompt: `Row ${at + 1} is watered` })),
  );
  const finished = client.settled(ids);

  const { coordinator } = await client.status();
  await instances.find(({ id }) => id === coordinator)?.stop();
  const { coordinator: successor, term } = await client.status();
  console.log(`${coordinator} has left; ${successor} coordinates in term ${term}`);

  for (const { id, state, output } of await finished) console.log(`${id} ${state}: ${output}`);
} finally {
  await swarm.stop();
}
