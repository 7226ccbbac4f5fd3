import { Command, Option } from 'commander';
import type { McpOptions } from '../mcp/execute-mcp.ts';
import { dirOption } from '../options.ts';

/** For programs that speak the Model Context Protocol, such as Claude Code. */
export function mcpCommand(): Command {
  return new Command('mcp')
    .description('serve the Model Context Protocol on stdin and stdout: the swarm as tools of a model')
    .addOption(
      new Option('--session <id>', 'what this session is called by (default: CLAUDE_CODE_SESSION_ID)').env(
        'CLAUDE_CODE_SESSION_ID',
      ),
    )
    .addOption(
      new Option('--capabilities <list>', 'what the session is able to do, separated by commas').env(
        'RAFT_MANAGER_CAPABILITIES',
      ),
    )
    .option('--print-tools', 'print the definitions of the tools and what they cost, and stop')
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
It starts this project's swarm if none is up, and works in it under a name of its own until stdin is closed.

Example, for .mcp.json:
  { "mcpServers": { "raft-manager": { "command": "raft-manager", "args": ["mcp"] } } }`,
    )
    .action(async (options: McpOptions) => {
      const { executeMcp } = await import('../mcp/execute-mcp.ts');
      await executeMcp(options);
    });
}
