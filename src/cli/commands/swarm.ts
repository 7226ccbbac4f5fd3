import { Command } from 'commander';
import { dirOption, type ReachOptions, timeoutOption } from '../options.ts';
import { printLine, withSwarm } from '../reach.ts';

/** Brakes: no new assignments until resumed. */
export function swarmCommand(): Command {
  const swarm = new Command('swarm').description('brakes: pause and resume the handing out of work');
  swarm
    .command('pause')
    .description('no new assignments and claims until resumed; what runs goes on')
    .option('--reason <text>', 'shown to whoever asks why', 'paused by hand')
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager swarm pause --reason "release freeze"')
    .action(async (options: ReachOptions & { readonly reason: string }) => {
      await withSwarm(options, (client) =>
        client.execute({ kind: 'pause', reason: options.reason }, { timeoutMs: options.timeout }),
      );
      printLine('paused');
    });
  swarm
    .command('resume')
    .description('hand out work again')
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager swarm resume')
    .action(async (options: ReachOptions) => {
      await withSwarm(options, (client) =>
        client.execute({ kind: 'resume' }, { timeoutMs: options.timeout }),
      );
      printLine('resumed');
    });
  return swarm;
}
