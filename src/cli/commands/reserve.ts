import { Command, Option } from 'commander';
import { dirOption, jsonOption, parseInteger, parseTime, timeoutOption } from '../options.ts';
import type { FenceOptions, ReserveOptions } from '../tasks/task-options.ts';

const MAX_FENCE = Number.MAX_SAFE_INTEGER;

/** File reservations: so that two agents do not edit one file. */
export function reserveCommand(): Command {
  return new Command('reserve')
    .description('reserve paths of the repository (globs), or "merge"; prints the reservation with its fence')
    .argument('[paths...]', 'relative to the repository')
    .option('--as <name>', 'who reserves (default: as for task claim)')
    .option('--shared', 'others may share it; default: exclusive')
    .option('--task <id>', 'made under the lease of this task, and ends with it')
    .option('--fence <n>', 'with --task: the fence of its lease', parseInteger(1, MAX_FENCE))
    .option('--lease <time>', 'how long you may be silent', parseTime)
    .option('--id <id>', 'name of the reservation (default: a fresh one)')
    .option('--list', 'show what is reserved')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager reserve "src/api/**" --as builder --lease 10m')
    .action(async (paths: readonly string[], options: ReserveOptions) => {
      const { reservePaths } = await import('../tasks/reserve-paths.ts');
      await reservePaths(paths, options);
    });
}

export function releaseCommand(): Command {
  return new Command('release')
    .description('give a reservation back')
    .argument('<reservation>', 'its id')
    .addOption(
      new Option('--fence <n>', 'the fence that reserve gave')
        .argParser(parseInteger(1, MAX_FENCE))
        .makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager release r-1f2e3d4c --fence 31')
    .action(async (reservation: string, options: FenceOptions) => {
      const { releaseReservation } = await import('../tasks/reserve-paths.ts');
      await releaseReservation(reservation, options);
    });
}
