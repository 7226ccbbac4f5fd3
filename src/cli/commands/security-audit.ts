import { Command, Option } from 'commander';
import { dirOption, jsonOption, timeoutOption } from '../options.ts';
import type { AuditOptions } from '../security/show-audit.ts';

/** What was seen of misbehaviour, and what operators did. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('who misbehaved, and what operators did: the audit log of the swarm')
    .option('--verify', 'check the chain of hashes, and name the first broken link')
    .option('--follow', 'go on with what comes')
    .addOption(
      new Option('--quarantine <whom>', 'from now on, quarantine for two votes in one term').choices([
        'off',
        'witnessed',
        'reported',
      ]),
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
One line says how often somebody did something within a minute. With --json, one JSON object a line; --verify prints one object.
"witnessed" (as long as nothing else was said): whom one member has seen to vote twice; "reported": also whom two members together
have; "off": nobody. Members that come to another state than a majority are quarantined whatever is said here.

Exit code 1: the chain is broken. 3: no quorum.

Examples:
  raft-manager security audit
  raft-manager security audit --verify`,
    )
    .action(async (options: AuditOptions) => {
      const { showAudit } = await import('../security/show-audit.ts');
      await showAudit(options);
    });
}
