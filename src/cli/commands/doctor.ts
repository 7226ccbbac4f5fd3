import { Command } from 'commander';
import { jsonOption } from '../options.ts';

/** Looks through a data folder, and says in words what is wrong with it. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check what this project keeps on the disk, and say what is wrong and what to do')
    .argument(
      '[dir]',
      'state folder, that of one swarm, or a project (default: as --dir of the other commands)',
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Reads only: it mends nothing, and may be asked while the swarm is up. It reads all of every log and snapshot.
Exit code 1: something is wrong. 2: there is nothing to look at.

Example:
  raft-manager doctor .raft-manager`,
    )
    .action(async (dir: string | undefined, options: { readonly json?: true }) => {
      const { executeDoctor } = await import('../service/execute-doctor.ts');
      await executeDoctor(dir, options);
    });
}
