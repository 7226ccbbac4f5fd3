import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { InProcessSwarm } from '../../src/api/create-swarm.ts';
import { type JoinSwarmOptions, joinSwarm } from '../../src/api/join-swarm.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient as Link } from '../../src/swarm/client.ts';
import { findSwarm } from '../../src/swarm/discovery.ts';
import { locateProject } from '../../src/swarm/layout.ts';
import { openSwarm } from './swarms.ts';

async function joined(options: JoinSwarmOptions) {
  const instance = await joinSwarm(options);
  onTestFinished(() => instance.stop());
  return instance;
}

/** How one in another folder, or on another machine, comes to it. */
function wayTo({ dir, instances }: InProcessSwarm): Pick<JoinSwarmOptions, 'nodes' | 'token'> {
  return { nodes: instances.map(({ url }) => url), token: readFileSync(join(dir, 'swarm', 'token'), 'utf8') };
}

test('an instance joins from this process, does what is given to it, and comes back as the same member', async () => {
  const { client, dir } = await openSwarm();
  const first = await joined({ dir, name: 'poet', executor: ({ prompt, worker }) => `${worker}: ${prompt}` });
  expect(first.id).toMatch(/^poet\.\d+$/);
  const [id] = await first.client.submit([{ prompt: 'of roses' }]);
  expect(await client.settled([id])).toMatchObject([{ agent: first.id, output: `${first.id}: of roses` }]);
  await first.stop();
  const again = await joined({ dir, name: 'poet' });
  expect(again.id).toBe(first.id);
  const { nodes } = await client.status();
  expect(nodes.filter(({ id: node }) => node === first.id)).toMatchObject([{ voter: false, member: true }]);
});

test('an instance that is removed hears of it, and can be stopped', async () => {
  const { dir, instances } = await openSwarm();
  let tell: (trouble: unknown) => void = () => undefined;
  const removed = new Promise((resolve) => {
    tell = resolve;
  });
  const poet = await joined({
    dir,
    name: 'poet',
    onTrouble: (trouble) => {
      if (trouble instanceof SwarmError && trouble.code === 'REMOVED') tell(trouble);
    },
  });
  const project = locateProject(dir, {}, dir);
  const leader = new Link({
    folder: findSwarm(project),
    name: 'gardener',
    version: 'test',
    url: instances[0]?.url ?? '',
  });
  onTestFinished(() => leader.close());
  await leader.changeMembership([{ type: 'remove', id: poet.id as NodeId }]);
  expect(await removed).toMatchObject({ code: 'REMOVED' });
  await poet.stop();
});

test('it comes from elsewhere by address and token', async () => {
  const swarm = await openSwarm();
  const there = { dir: join(swarm.dir, 'elsewhere'), name: 'poet', ...wayTo(swarm) };
  const { token: _secret, ...withoutToken } = there;
  await expect(joinSwarm(withoutToken)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  const poet = await joined({ ...there, executor: () => 'a verse' });
  const [id] = await swarm.client.submit([{ prompt: 'of roses' }]);
  expect(await poet.client.settled([id])).toMatchObject([{ agent: poet.id, output: 'a verse' }]);
});

test.each([
  { why: 'there is nobody', options: {}, code: 'NOT_RUNNING' },
  { why: 'nobody answers there', options: { nodes: ['ws://127.0.0.1:9'], token: 'x' }, code: 'NOT_RUNNING' },
  { why: 'it cannot be called so', options: { name: 'a b' }, code: 'BAD_INPUT' },
])('$why: $code', async ({ code, options }) => {
  const { dir } = await openSwarm();
  await expect(joinSwarm({ dir: join(dir, 'elsewhere'), ...options })).rejects.toMatchObject({ code });
});
