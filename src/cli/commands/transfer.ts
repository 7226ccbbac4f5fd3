import { Command } from 'commander';
import { dirOption, type ReachOptions, timeoutOption } from '../options.ts';

/** Hands the coordinator's role to another voter. */
export function transferCommand(): Command {
  return new Command('transfer')
    .description('make another voter the coordinator (default: the one furthest along)')
    .argument('[node]', 'id of the node that takes over')
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager transfer raft-manager-2')
    .action(async (node: string | undefined, options: ReachOptions) => {
      const { executeTransfer } = await import('../service/execute-transfer.ts');
      await executeTransfer(node, options);
    });
}
