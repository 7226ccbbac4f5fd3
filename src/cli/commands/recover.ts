import { Command } from 'commander';
import { dirOption, jsonOption } from '../options.ts';
import type { RecoverOptions } from '../recover/execute-recover.ts';

/** For when a majority of the voters is gone for good. */
export function recoverCommand(): Command {
  return new Command('recover')
    .description('found the swarm anew from what is left, when a majority of its voters is lost for good')
    .option('--i-understand-data-loss', 'do it; without this nothing is written')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
Says what may be lost. Commands that were acknowledged by members that are gone, and had not reached this machine, are lost
for good. If the others may come back, wait for them.

The new swarm has an id of its own, so that whoever comes back is a stranger to it. What was here is kept beside it.

Example:
  raft-manager recover                             what is left, and what may be lost
  raft-manager recover --i-understand-data-loss && raft-manager up`,
    )
    .action(async (options: RecoverOptions) => {
      const { executeRecover } = await import('../recover/execute-recover.ts');
      await executeRecover(options);
    });
}
