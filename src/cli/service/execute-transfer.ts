import { SwarmError } from '../../protocol/errors.ts';
import type { ReachOptions } from '../options.ts';
import { printLine } from '../reach.ts';
import { atCoordinator } from './at-coordinator.ts';

export async function executeTransfer(node: string | undefined, options: ReachOptions): Promise<void> {
  await atCoordinator(options, async (client, { coordinator, nodes }) => {
    if (node !== undefined && !nodes.some(({ id, voter }) => id === node && voter)) {
      const voters = nodes.filter(({ voter }) => voter).map(({ id }) => id);
      throw new SwarmError(
        'BAD_INPUT',
        `${node} is no voter of this swarm; its voters are ${voters.join(', ')}`,
      );
    }
    if (node === coordinator) return printLine(`${node} is the coordinator already`);
    printLine(`${await client.transfer(node)} takes over from ${coordinator}`);
  });
}
