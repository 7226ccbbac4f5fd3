import { Command, Option } from 'commander';
import type { AgentOptions } from '../agent/agent-options.ts';
import { executorOptions } from '../executor-options.ts';
import { collect, dirOption, jsonOption } from '../options.ts';

/** One instance in this terminal, as a member of a swarm that runs already, here or on another machine. */
export function agentCommand(): Command {
  const command = new Command('agent')
    .description('bring one instance of an agent file into a running swarm, as a learner')
    .argument('<file>', 'agent markdown')
    .addOption(
      new Option(
        '--join <url>',
        'address of any of its nodes, e.g. ws://localhost:7101; may be given several times (default: the swarm of this project)',
      ).argParser(collect),
    )
    .addOption(new Option('--name <name>', 'what to call it (default: as its file does)'))
    .addOption(
      new Option(
        '--token <token>',
        'what "raft-manager security token" has printed where the swarm was made',
      ),
    )
    .addOption(
      new Option(
        '--token-file <file>',
        "file with the swarm's token (default: RAFT_MANAGER_TOKEN, or that of this project's swarm)",
      ),
    )
    .addOption(
      new Option(
        '--listen <host:port>',
        'where the other members reach it; port 0 for any free one (default: as before, at first 127.0.0.1:0)',
      ),
    )
    .addOption(
      new Option(
        '--advertise <host[:port]>',
        'what the other members are told instead, behind NAT or in a container (default: as before, at first what it listens on)',
      ),
    )
    .addOption(new Option('--voter', 'let it vote as soon as it has caught up'))
    .addOption(
      new Option(
        '--domain <label>',
        'what is likely to fail together with it, for the quorum manager (default: RAFT_MANAGER_DOMAIN, or the name of the host)',
      ),
    )
    .addOption(new Option('--require-hooks', 'refuse to work without the hooks of the agent file'))
    .addOption(jsonOption())
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
It keeps its data in the state folder and comes back as the same member, under the same --name. Ctrl-C hands back its work and stops
it; "raft-manager members remove" takes it out of the swarm for good.

Examples:
  raft-manager agent .claude/agents/builder.md
  raft-manager agent builder.md --join wss://example.com:7101 --listen 192.0.2.7:7200 --token TOKEN
  raft-manager agent builder.md --join wss://example.com:7101 --listen 0.0.0.0:7200 --advertise host-b.example.com:30200`,
    )
    .action(async (file: string, options: AgentOptions) => {
      const { executeAgent } = await import('../agent/execute-agent.ts');
      await executeAgent(file, options);
    });
  for (const option of executorOptions()) command.addOption(option);
  return command;
}
