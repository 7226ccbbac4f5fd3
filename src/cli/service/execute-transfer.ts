import { SwarmError } from '../../protocol/errors.ts';
import { takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printLine, reachableFolder } from '../reach.ts';

const CENSUS_TIMEOUT_MS = 2_000;

export async function executeTransfer(node: string | undefined, options: ReachOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const { coordinator, nodes } = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
  if (node !== undefined && !nodes.some(({ id, voter }) => id === node && voter)) {
    const voters = nodes.filter(({ voter }) => voter).map(({ id }) => id);
    throw new SwarmError(
      'BAD_INPUT',
      `${node} is no voter of this swarm; its voters are ${voters.join(', ')}`,
    );
  }
  if (coordinator === null)
    throw new SwarmError('NO_QUORUM', 'there is no coordinator to hand over; see "raft-manager status"');
  if (node === coordinator) return printLine(`${node} is the coordinator already`);
  const client = new SwarmClient({
    folder,
    name: `transfer-${process.pid}`,
    version: packageVersion(),
    only: coordinator,
  });
  try {
    const next = await client.transfer(node);
    printLine(`${next} takes over from ${coordinator}`);
  } finally {
    await client.close();
  }
}
