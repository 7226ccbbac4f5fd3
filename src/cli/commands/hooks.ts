import { Command, Option } from 'commander';
import { jsonOption } from '../options.ts';

/** Trust in the hooks of agent files, and running one by hand. */
export function hooksCommand(): Command {
  const hooks = new Command('hooks').description('hooks of agent files: whose may run on this machine');
  hooks
    .command('allow')
    .description('let the hooks of these files run here; any later edit asks again')
    .argument('<files...>', 'agent files')
    .addHelpText('after', '\nExample:\n  raft-manager hooks allow .claude/agents/builder.md')
    .action(async (files: readonly string[]) => {
      const { allowHooks } = await import('../hooks/decide-hooks.ts');
      await allowHooks(files);
    });
  hooks
    .command('deny')
    .description('never run the hooks of these files as they are now')
    .argument('<files...>', 'agent files')
    .addHelpText('after', '\nExample:\n  raft-manager hooks deny .claude/agents/builder.md')
    .action(async (files: readonly string[]) => {
      const { denyHooks } = await import('../hooks/decide-hooks.ts');
      await denyHooks(files);
    });
  hooks
    .command('list')
    .description('what was decided on this machine')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  raft-manager hooks list --json')
    .action(async (options: { readonly json?: true }) => {
      const { listHooks } = await import('../hooks/decide-hooks.ts');
      await listHooks(options);
    });
  hooks
    .command('run')
    .description('run the hooks of one phase by hand, as they would run around a task')
    .argument('<file>', 'agent file')
    .argument('<phase>', 'pre or post')
    .option('--task <text>', 'the task they are told of', 'tried by hand')
    .addOption(
      new Option('--success <value>', 'for post: how the task ended')
        .choices(['true', 'false'])
        .default('true'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  raft-manager hooks run agents/raft-manager.md pre --task "hold an election"',
    )
    .action(
      async (
        file: string,
        phase: string,
        options: { readonly task: string; readonly success: 'true' | 'false' },
      ) => {
        const { runHooksByHand } = await import('../hooks/run-hooks.ts');
        await runHooksByHand({ file, phase, ...options });
      },
    );
  return hooks;
}
