import { Command } from 'commander';
import { dirOption, jsonOption, type ReachOptions, timeoutOption } from '../options.ts';

/** Writes the state down and shortens the log, now instead of when it has grown long. */
export function snapshotCommand(): Command {
  return new Command('snapshot')
    .description('let nodes write a snapshot of their state now (default: every node in reach)')
    .argument('[node]', 'id of one node')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
Nodes take snapshots by themselves when their log has grown long; nothing has to call for them.

Example:
  raft-manager snapshot raft-manager-1`,
    )
    .action(async (node: string | undefined, options: ReachOptions) => {
      const { executeSnapshot } = await import('../service/execute-snapshot.ts');
      await executeSnapshot(node, options);
    });
}
