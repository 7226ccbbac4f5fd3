import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeId } from '../../src/protocol/ids.ts';
import { type Census, takeCensus } from '../../src/swarm/census.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { type Endpoint, findEndpoint } from '../../src/swarm/endpoint.ts';
import { type SwarmFolder, swarmFolder } from '../../src/swarm/layout.ts';
import type { Answers, Query } from '../../src/swarm/port.ts';
import { eventually, PATIENCE_MS, type Project } from './harness.ts';

const CENSUS_TIMEOUT_MS = 1_000;
const VERSION = 'test';

export interface Found extends Endpoint {
  readonly id: NodeId;
}

/** The folder of the run that is under way, or of the latest one that was. */
export async function runFolder(project: Project): Promise<SwarmFolder> {
  return eventually('a run to lay out its folder', () => {
    const runs = join(project.state, 'runs');
    const names = existsSync(runs) ? readdirSync(runs) : [];
    // A folder gets its name when all is in it; before that it is a draft.
    const latest = names
      .filter((name) => !name.endsWith('.draft'))
      .sort()
      .at(-1);
    const folder = latest === undefined ? undefined : swarmFolder(join(runs, latest));
    return folder !== undefined && existsSync(folder.roster) ? folder : undefined;
  });
}

export function standingFolder(project: Project): SwarmFolder {
  return swarmFolder(join(project.state, 'swarm'));
}

function census(folder: SwarmFolder): Promise<Census> {
  return takeCensus(folder, VERSION, CENSUS_TIMEOUT_MS);
}

/** Where the coordinator is to be found, once there is one whom a majority follows. */
export async function coordinatorOf(folder: SwarmFolder, besides?: string): Promise<Found> {
  return eventually(`a coordinator${besides === undefined ? '' : ` other than ${besides}`}`, async () => {
    const { coordinator, quorum } = await census(folder);
    if (coordinator === null || !quorum || coordinator === besides) return undefined;
    const id = coordinator as NodeId;
    const endpoint = findEndpoint(folder, id);
    return endpoint === undefined ? undefined : { id, ...endpoint };
  });
}

/** The endpoint of an instance after its restart: same id, another life. */
export async function nextLife(folder: SwarmFolder, former: Found): Promise<Found> {
  return eventually(`${former.id} to come back`, () => {
    const endpoint = findEndpoint(folder, former.id);
    return endpoint !== undefined && endpoint.life !== former.life
      ? { id: former.id, ...endpoint }
      : undefined;
  });
}

/** Lets `work` talk to one node of the swarm. */
export function withClient<T>(
  folder: SwarmFolder,
  only: string,
  work: (client: SwarmClient) => Promise<T>,
): Promise<T> {
  return talk({ folder, only }, work);
}

/** Asks whichever node answers. Whoever looks again and again must not start a process each time. */
export function ask<Q extends Query>(folder: SwarmFolder, query: Q): Promise<Answers[Q['kind']]> {
  return talk({ folder }, (client) => client.query(query));
}

async function talk<T>(
  to: { readonly folder: SwarmFolder; readonly only?: string },
  work: (client: SwarmClient) => Promise<T>,
): Promise<T> {
  const client = new SwarmClient({ ...to, name: 'test', version: VERSION, timeoutMs: PATIENCE_MS });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
