import { Command } from 'commander';
import { auditCommand } from './security-audit.ts';

/** Who may get in, and who tried to. */
export function securityCommand(): Command {
  const command = new Command('security').description('who may get in, and who tried to');
  command.addCommand(auditCommand());
  return command;
}
