import { Command } from 'commander';
import { dirOption, jsonOption, parseInteger, timeoutOption } from '../options.ts';
import type { LogOptions } from '../tasks/task-options.ts';

/** The replicated log, readable. */
export function logCommand(): Command {
  return new Command('log')
    .description('the replicated log, one entry a line')
    .option('--from <index>', 'first index', parseInteger(1, Number.MAX_SAFE_INTEGER), 1)
    .option('--limit <n>', 'entries at most', parseInteger(1, Number.MAX_SAFE_INTEGER))
    .option('--follow', 'go on as the log grows, until Ctrl-C')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager log --follow --json')
    .action(async (options: LogOptions) => {
      const { printLog } = await import('../tasks/print-log.ts');
      await printLog(options);
    });
}
