import { Command, Option } from 'commander';
import { dirOption, jsonOption, parseTime, timeoutOption } from '../options.ts';
import type { StatusOptions } from '../service/service-options.ts';

/** Who coordinates, who votes, who lags, what is left. */
export function statusCommand(): Command {
  return new Command('status')
    .description('nodes, roles, term, coordinator, lag, health, and how many tasks are where')
    .addOption(new Option('--brief', 'one line: is there a quorum?').conflicts(['json', 'watch']))
    .option('--watch', 'show it again and again until Ctrl-C')
    .option('--interval <time>', 'with --watch: how often', parseTime, 1_000)
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExit code 3: no quorum, or no swarm.\n\nExample:\n  raft-manager status --json')
    .action(async (options: StatusOptions) => {
      const { executeStatus } = await import('../service/execute-status.ts');
      await executeStatus(options);
    });
}
