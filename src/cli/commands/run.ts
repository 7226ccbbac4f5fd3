import { Command } from 'commander';
import { foundingOptions } from '../founding-options.ts';
import { dirOption, jsonOption } from '../options.ts';
import type { RunOptions } from '../run/run-options.ts';

/** The main job: start a swarm, elect, work through a task file, report, stop. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('start a local swarm, elect a coordinator, work through a task file, report, stop')
    .argument('[file]', 'task file, YAML or JSON')
    .addOption(jsonOption())
    .addOption(dirOption())
    .option('--keep', "keep the run's folder when it is over")
    .option('--resume', 'go on with the latest run that was broken off')
    .addHelpText(
      'after',
      `
Ctrl-C once: running tasks are brought to an end or handed back, then everything stops.
Ctrl-C twice: everything stops now. Either way "raft-manager run --resume" goes on.

Examples:
  raft-manager run examples/release.yaml
  raft-manager run tasks.yaml --agents 5 --agent-file .claude/agents/builder.md --json`,
    )
    .action(async (file: string | undefined, options: RunOptions) => {
      const { executeRun } = await import('../run/execute-run.ts');
      process.exitCode = await executeRun(file, options);
    });
  for (const option of foundingOptions()) command.addOption(option);
  return command;
}
