import { Command } from 'commander';
import type { GuardOptions } from '../guard/execute-guard.ts';
import { dirOption, jsonOption, parseTime } from '../options.ts';

/** For git's pre-commit hook. */
export function guardCommand(): Command {
  return new Command('guard')
    .description('refuse paths that another one has reserved; for hooks of git')
    .argument('[paths...]', 'relative to the repository')
    .option('--staged', 'the paths that the next commit would change')
    .option('--as <name>', 'who asks (default: as for task claim)')
    .option('--timeout <time>', 'how long to wait for the swarm before all is let through', parseTime, 2_000)
    .addOption(jsonOption())
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
Exit code 1: refused, and the message says who has reserved what. When the swarm is down, everything passes, with a
warning: git commit must not depend on it. "git commit --no-verify" goes past it.

Example:
  raft-manager guard --staged`,
    )
    .action(async (paths: readonly string[], options: GuardOptions) => {
      const { executeGuard } = await import('../guard/execute-guard.ts');
      await executeGuard(paths, options);
    });
}
