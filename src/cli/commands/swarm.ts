import { Command } from 'commander';
import { hasLimits, isBound, type UsageLimits, usdText } from '../../tasks/usage.ts';
import { type BudgetOptions, budgetOf, budgetOptions } from '../executor-options.ts';
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
  swarm.addCommand(budgetCommand());
  return swarm;
}

/** What all tasks together may use up. */
function budgetCommand(): Command {
  const command = new Command('budget')
    .description('what all tasks together may use up: beyond it nothing new begins')
    .option('--none', 'lift both limits')
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  raft-manager swarm budget --budget-usd 20')
    .action(async (options: ReachOptions & BudgetOptions & { readonly none?: true }) => {
      const given = budgetOf(options);
      const limits = options.none ? { maxTokens: null, maxCostMicros: null, ...given } : given;
      const { SwarmError } = await import('../../protocol/errors.ts');
      if (!hasLimits(limits)) {
        throw new SwarmError('BAD_INPUT', 'say what the budget is: --budget-usd, --budget-tokens or --none');
      }
      const settings = await withSwarm(options, (client) =>
        client.execute({ kind: 'configure', ...limits }, { timeoutMs: options.timeout }),
      );
      printLine(`budget: ${budgetWords(settings)}`);
    });
  for (const option of budgetOptions()) command.addOption(option);
  return command;
}

function budgetWords({ maxTokens, maxCostMicros }: UsageLimits): string {
  const words = [
    ...(isBound(maxTokens) ? [`${maxTokens} tokens`] : []),
    ...(isBound(maxCostMicros) ? [usdText(maxCostMicros)] : []),
  ];
  return words.length === 0 ? 'none' : words.join(' and ');
}
