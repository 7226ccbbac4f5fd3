import { Command } from 'commander';
import { jsonOption } from '../options.ts';

interface AgentsOptions {
  readonly json?: true;
}

/** What agent files there are, and what is wrong with them. */
export function agentsCommand(): Command {
  const agents = new Command('agents').description(
    'agent files: what was found, and what is wrong with them',
  );
  agents
    .command('list')
    .description('every agent: name, type, capabilities, priority, hooks, source')
    .argument(
      '[paths...]',
      'files or folders (default: .claude/agents here, in your home, and the package’s own)',
    )
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  raft-manager agents list .claude/agents')
    .action(async (paths: readonly string[], options: AgentsOptions) => {
      const { listAgents } = await import('../agents/list-agents.ts');
      await listAgents(paths, options);
    });
  agents
    .command('lint')
    .description('check agent files; exit code 1 when there is an error')
    .argument('[paths...]', 'files or folders (default: as for list)')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  raft-manager agents lint .claude/agents/builder.md')
    .action(async (paths: readonly string[], options: AgentsOptions) => {
      const { lintAgents } = await import('../agents/lint-agents.ts');
      await lintAgents(paths, options);
    });
  return agents;
}
