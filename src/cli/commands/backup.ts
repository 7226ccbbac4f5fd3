import { Command, Option } from 'commander';
import type { BackupOptions } from '../backup/execute-backup.ts';
import type { RestoreOptions } from '../backup/execute-restore.ts';
import { collect, dirOption, jsonOption, timeoutOption } from '../options.ts';

/** Writes what the swarm knows to one file, while it works. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('write all that the swarm knows to one file, while it works')
    .argument('<file>', 'what to write; it must not be there')
    .option('--force', 'replace the file')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
Everything that was acknowledged before the command began is in it. It takes an instance of this machine that is up.

Example:
  raft-manager backup swarm-2026-11-23.backup`,
    )
    .action(async (file: string, options: BackupOptions) => {
      const { executeBackup } = await import('../backup/execute-backup.ts');
      await executeBackup(file, options);
    });
}

/** Founds a swarm that begins with what another one knew. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('make a new swarm here that begins with what is in a backup; "up" starts it')
    .argument('<file>', 'a file that "backup" has written')
    .addOption(
      new Option(
        '--agent-file <file>',
        'agent markdown to be found elsewhere than when the backup was made; may be given several times',
      ).argParser(collect),
    )
    .option('--dry-run', 'check the file, and say what would be done')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addHelpText(
      'after',
      `
The new swarm has an id of its own: no instance of the old one can be mistaken for one of its members. What was running
then is given out again.

Example:
  raft-manager restore swarm-2026-11-23.backup && raft-manager up`,
    )
    .action(async (file: string, options: RestoreOptions) => {
      const { executeRestore } = await import('../backup/execute-restore.ts');
      await executeRestore(file, options);
    });
}
