import { Command } from 'commander';
import type { NodeCommandOptions } from '../node/run-node.ts';

/** One instance of a swarm, started by its supervisor and never by hand. */
export function nodeCommand(): Command {
  return new Command('node')
    .description('one instance of a swarm; its supervisor starts it')
    .requiredOption('--swarm <folder>', 'folder of the swarm')
    .requiredOption('--id <id>', 'id of the instance')
    .action(async (options: NodeCommandOptions) => {
      const { runNode } = await import('../node/run-node.ts');
      await runNode(options);
    });
}
