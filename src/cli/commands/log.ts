import { Command } from 'commander';
import { dirOption, jsonOption, parseInteger, timeoutOption } from '../options.ts';
import type { LogOptions } from '../tasks/task-options.ts';

/** The replicated log, readable. */
export function logCommand(): Command {
  return new Command('log')
    .description('the replicated log, one entry a line')
    .option('--from <index>', 'first index', parseInteger(1, Number.MAX_SAFE_INTEGER), 1)
    .option('--limit <n>', 'entries at most', parseInteger(1, Number.MAX_SAFE_INTEGER))
    .option('--raw <place>', 'read a log from the disk instead: folder, segment, or instance of this project')
    .option('--follow', 'go on as the log grows, until Ctrl-C')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
--raw writes nothing, takes a damaged log, and that of a node at work, too. It prints every record with its offset, and
where a torn tail or damage begins. Exit code 1: some of it is damaged.

Examples:
  raft-manager log --follow --json
  raft-manager log --raw raft-manager-1
  raft-manager log --raw .raft-manager/swarm/nodes/raft-manager-1/wal/00000001.wal --json`,
    )
    .action(async (options: LogOptions) => {
      const { raw } = options;
      if (raw !== undefined) {
        const { printRawLog } = await import('../log/print-raw-log.ts');
        return printRawLog({ ...options, raw });
      }
      const { printLog } = await import('../log/print-log.ts');
      await printLog(options);
    });
}
