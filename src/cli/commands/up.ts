import { Command } from 'commander';
import { foundingOptions } from '../founding-options.ts';
import { dirOption, jsonOption } from '../options.ts';
import type { UpOptions } from '../service/service-options.ts';

/** A swarm that stays: detached from the terminal unless `--foreground`. */
export function upCommand(): Command {
  const command = new Command('up')
    .description(
      'start this project’s swarm as a service of this machine; restarted instances keep their identity',
    )
    .option('--foreground', 'stay in this terminal')
    .option('--standby', 'beside a swarm that is up: take over its instances should its supervisor be killed')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
A swarm that was up before comes back with its instances and its task log as they were.

Example:
  raft-manager up --agents 3 --agent-file .claude/agents/builder.md`,
    )
    .action(async (options: UpOptions, self: Command) => {
      const { executeUp } = await import('../service/execute-up.ts');
      await executeUp(options, (name) => self.getOptionValueSource(name) === 'cli');
    });
  for (const option of foundingOptions()) command.addOption(option);
  return command;
}
