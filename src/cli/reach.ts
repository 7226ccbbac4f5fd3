import type { SwarmClient } from '../swarm/client.ts';
import type { SwarmFolder } from '../swarm/layout.ts';
import type { PlaceOptions, ReachOptions } from './options.ts';
import { packageVersion } from './package-version.ts';
import { paintFor } from './view/paint.ts';
import type { TableOptions } from './view/table.ts';

/** As whom this process speaks to the swarm. */
export const OPERATOR = `cli-${process.pid}`;

/** The folder of the swarm that a command speaks of: the standing one, a run that is under way, or one that was joined. */
export async function reachableFolder({ dir }: PlaceOptions): Promise<SwarmFolder> {
  const { locateProject } = await import('../swarm/layout.ts');
  const { findSwarmOrJoined } = await import('../swarm/discovery.ts');
  return findSwarmOrJoined(locateProject(dir, process.env, process.cwd()));
}

/** Runs `work` with a client of the swarm, and closes it whatever happens. */
export async function withSwarm<T>(
  options: ReachOptions,
  work: (client: SwarmClient) => Promise<T>,
): Promise<T> {
  const swarm = await import('../swarm/client.ts');
  const client = new swarm.SwarmClient({
    folder: await reachableFolder(options),
    name: OPERATOR,
    version: packageVersion(),
  });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Machine output: one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** How wide a table on stdout may be, and whether it has colours. */
export function tableOptions(): TableOptions {
  const { columns, isTTY } = process.stdout;
  const paint = paintFor({ isTTY: isTTY === true, env: process.env });
  return { paint, ...(columns === undefined ? {} : { columns }) };
}
