import { Command } from 'commander';
import { dirOption, jsonOption, timeoutOption } from '../options.ts';
import type { VerifyOptions } from '../service/execute-verify.ts';

/** Proves that all nodes hold the same. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('compare the state of all nodes at one and the same index')
    .option('--quick', 'compare the running hashes (the default)')
    .option('--full', 'have every node look through all of its state, and read its snapshot again')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
Exit code 1: some node differs, or is damaged; it is named. 3: no quorum.

Example:
  raft-manager verify --full`,
    )
    .action(async (options: VerifyOptions) => {
      const { executeVerify } = await import('../service/execute-verify.ts');
      await executeVerify(options);
    });
}
