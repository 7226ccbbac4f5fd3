import { Command } from 'commander';
import type { InitOptions } from '../init/execute-init.ts';
import { jsonOption } from '../options.ts';

/** For a repository in which Claude Code works. */
export function initCommand(): Command {
  return new Command('init')
    .description('make Claude Code in this repository a member of its swarm: agents, MCP server, hooks')
    .option('--dry-run', 'show what would be written as a diff, and write nothing')
    .option('--undo', 'take out what was written; what you have changed since stays')
    .option('--force', 'write over what you have changed, too; --undo brings that back')
    .option('--pre-commit', 'let git refuse commits of files that another one has reserved')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
It writes .claude/agents/*.md, .mcp.json and .claude/settings.json. Whatever else is in them stays as it is, and a second
run changes nothing.

Example:
  raft-manager init --dry-run`,
    )
    .action(async (options: InitOptions) => {
      const { executeInit } = await import('../init/execute-init.ts');
      await executeInit(options);
    });
}
