import { Command } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { agentsCommand } from './commands/agents.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { crdtCommand } from './commands/crdt.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { guardCommand } from './commands/guard.ts';
import { hooksCommand } from './commands/hooks.ts';
import { initCommand } from './commands/init.ts';
import { logCommand } from './commands/log.ts';
import { mcpCommand } from './commands/mcp.ts';
import { membersCommand } from './commands/members.ts';
import { nodeCommand } from './commands/node.ts';
import { quorumCommand } from './commands/quorum.ts';
import { recoverCommand } from './commands/recover.ts';
import { releaseCommand, reserveCommand } from './commands/reserve.ts';
import { runCommand } from './commands/run.ts';
import { securityCommand } from './commands/security.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { statusCommand } from './commands/status.ts';
import { swarmCommand } from './commands/swarm.ts';
import { taskCommand } from './commands/task.ts';
import { transferCommand } from './commands/transfer.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { packageVersion } from './package-version.ts';

/** Every command. Each file loads what it works with only when it runs, so that `--help` stays quick. */
export function createProgram(): Command {
  const program = new Command('raft-manager')
    .description('A swarm of agents that elects one coordinator and works through a replicated task log.')
    .version(packageVersion())
    .showHelpAfterError('(add --help for what it takes)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  raft-manager run examples/release.yaml        start a swarm, work through the file, report, stop
  raft-manager up --agents 3                    the same swarm as a service of this machine
  raft-manager status                           who coordinates, who works, what is left

Exit codes: 0 ok, 1 the work failed, 2 the input or usage is wrong, 3 no quorum or no swarm.`,
    );
  for (const command of [
    runCommand(),
    upCommand(),
    downCommand(),
    agentCommand(),
    statusCommand(),
    taskCommand(),
    swarmCommand(),
    reserveCommand(),
    releaseCommand(),
    logCommand(),
    membersCommand(),
    quorumCommand(),
    snapshotCommand(),
    backupCommand(),
    restoreCommand(),
    recoverCommand(),
    verifyCommand(),
    securityCommand(),
    transferCommand(),
    crdtCommand(),
    doctorCommand(),
    agentsCommand(),
    hooksCommand(),
    initCommand(),
    guardCommand(),
    mcpCommand(),
  ]) {
    program.addCommand(command);
  }
  program.addCommand(nodeCommand(), { hidden: true });
  return inherit(program);
}

/** Subcommands throw like their parent instead of ending the process on their own. */
function inherit(command: Command): Command {
  for (const child of command.commands) inherit(child.copyInheritedSettings(command));
  return command;
}
