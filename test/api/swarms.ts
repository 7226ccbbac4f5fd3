import { onTestFinished } from 'vitest';
import type { ClientOptions } from '../../src/api/client-port.ts';
import { type CreateSwarmOptions, createSwarm, type InProcessSwarm } from '../../src/api/create-swarm.ts';
import { SwarmClient } from '../../src/api/swarm-client.ts';

/** A swarm of one in this process, gone with the test. */
export async function openSwarm(options: CreateSwarmOptions = {}): Promise<InProcessSwarm> {
  const swarm = await createSwarm({ instances: 1, ...options });
  onTestFinished(() => swarm.stop());
  return swarm;
}

/** Another client of it. */
export async function openClient(swarm: InProcessSwarm, options: ClientOptions = {}): Promise<SwarmClient> {
  const client = await SwarmClient.connect({ dir: swarm.dir, ...options });
  onTestFinished(() => client.close());
  return client;
}
