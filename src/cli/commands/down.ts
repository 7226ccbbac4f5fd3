import { Command } from 'commander';
import { dirOption, type PlaceOptions } from '../options.ts';

/** Stops the standing swarm; what it holds stays on disk. */
export function downCommand(): Command {
  return new Command('down')
    .description('stop this project’s swarm; its task log stays on disk for the next "up"')
    .addOption(dirOption())
    .addHelpText('after', '\nExample:\n  raft-manager down')
    .action(async (options: PlaceOptions) => {
      const { executeDown } = await import('../service/execute-down.ts');
      await executeDown(options);
    });
}
