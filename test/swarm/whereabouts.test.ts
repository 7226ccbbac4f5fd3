import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { PACKAGE_AGENTS } from '../../src/agents/registry.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { prepareJoinedFolder } from '../../src/swarm/joined-folder.ts';
import { locateProject, type SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster, updateRoster } from '../../src/swarm/roster.ts';
import { idle, stand } from './instances.ts';

/** Nobody listens on it, and nobody may without rights. */
const GONE = 'ws://127.0.0.1:1';

async function ask(folder: SwarmFolder, timeoutMs: number): Promise<number> {
  const client = new SwarmClient({ folder, name: 'newcomer', version: 'test' });
  onTestFinished(() => client.close());
  return (await client.query({ kind: 'overview' }, { timeoutMs })).level;
}

test('an instance finds the swarm of its machine after all of it was started anew elsewhere', async () => {
  const { folder: swarm } = await stand({ instances: 1, executor: idle });
  const project = { ...locateProject(swarm.root, {}, swarm.root), joined: join(swarm.root, 'joined') };
  const folder = await prepareJoinedFolder({
    name: 'newcomer' as NodeId,
    seeds: [],
    voter: false,
    requireHooks: false,
    definition: await loadAgentFile(join(PACKAGE_AGENTS, 'raft-manager.md')),
    project,
  });
  const roster = loadRoster(folder);
  updateRoster(folder, { ...roster, seeds: [GONE] });
  expect(await ask(folder, 10_000)).toBeGreaterThan(0);

  // And not of another swarm that is where that one was.
  updateRoster(folder, { ...roster, seeds: [GONE], clusterId: 'another' });
  await expect(ask(folder, 100)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
});
