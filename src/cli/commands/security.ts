import { Command, Option } from 'commander';
import {
  DEFAULT_CERTIFICATE_DAYS,
  MAX_CERTIFICATE_DAYS,
  MIN_CERTIFICATE_DAYS,
} from '../../protocol/limits.ts';
import {
  collect,
  dirOption,
  jsonOption,
  parseInteger,
  parseTime,
  parseTimeOrOff,
  type ReachOptions,
  timeoutOption,
} from '../options.ts';
import type { RevokeOptions, RotateOptions } from '../security/change-trust.ts';
import type { ClientOptions, TokenOptions } from '../security/grant-access.ts';
import type { InitOptions } from '../security/init-security.ts';
import { auditCommand } from './security-audit.ts';

const HOUR_MS = 3_600_000;

/** Who may get in: certificates, tokens, roles. */
export function securityCommand(): Command {
  const command = new Command('security')
    .description('who may get in: certificates of members, tokens of newcomers and clients')
    .addHelpText(
      'after',
      `
On one machine nothing has to be set up: whoever can read the file "token" of the state folder is let in. Between machines
members prove who they are by certificates, over TLS 1.3.

Examples:
  raft-manager security init                                     before "up", or after "down"
  raft-manager up --host 192.0.2.1 --port 7101
  raft-manager security token                                    and on another machine, with what it prints:
  raft-manager agent builder.md --join wss://192.0.2.1:7101 --listen 192.0.2.7:7200 --token TOKEN`,
    );
  for (const one of [initCommand(), ...accessCommands(), ...trustCommands(), auditCommand()])
    command.addCommand(one);
  return command;
}

function initCommand(): Command {
  return new Command('init')
    .description('make the authority of this swarm; its instances speak TLS from their next start on')
    .addOption(daysOption().default(DEFAULT_CERTIFICATE_DAYS))
    .addOption(jsonOption())
    .addOption(dirOption())
    .action(async (options: InitOptions) => {
      const { initSecurity } = await import('../security/init-security.ts');
      await initSecurity(options);
    });
}

function accessCommands(): readonly Command[] {
  return [
    reach(new Command('status').description('who may get in, by what and until when')).action(
      async (options: ReachOptions) => {
        const { showSecurity } = await import('../security/show-security.ts');
        await showSecurity(options);
      },
    ),
    reach(new Command('token').description('print a token with which one instance may join, once'))
      .addOption(
        new Option('--life <time>', 'how long it is good').argParser(parseTime).default(HOUR_MS, '1h'),
      )
      .action(async (options: TokenOptions) => {
        const { grantJoin } = await import('../security/grant-access.ts');
        await grantJoin(options);
      }),
    reach(new Command('client').description('let a client in that is no member, and print its token'))
      .argument('<name>', 'what to call it; the same name again replaces its token')
      .addOption(
        new Option(
          '--role <role>',
          'read: look; work: submit and do tasks; operate: look after the swarm',
        ).default('read'),
      )
      .addOption(
        new Option('--life <time>', 'how long it is let in; off: until it is revoked')
          .argParser(parseTimeOrOff)
          .default(30 * 24 * HOUR_MS, '720h'),
      )
      .addOption(
        new Option(
          '--folder <folder>',
          'write a folder for --dir instead, that may be copied to another machine',
        ),
      )
      .option(
        '--certificate',
        'a certificate instead of a token; with --folder, beside the key of the authority',
      )
      .action(async (name: string, options: ClientOptions) => {
        const { grantClient } = await import('../security/grant-access.ts');
        await grantClient(name, options);
      }),
  ];
}

function trustCommands(): readonly Command[] {
  return [
    reach(new Command('revoke').description('let a member or a client in nowhere any more, from now on'))
      .argument('<who>', 'id of a member, or client/NAME')
      .addOption(new Option('--why <text>', 'for the record').default('revoked by an operator'))
      .option('--keep-member', 'cut it off, and leave it in the configuration')
      .option('--force', 'take it out also where that endangers what the swarm can bear')
      .action(async (who: string, options: RevokeOptions) => {
        const { revokeAccess } = await import('../security/change-trust.ts');
        await revokeAccess(who, options);
      }),
    reach(
      new Command('rotate').description('replace the authority and all certificates while the swarm works'),
    )
      .addOption(
        new Option('--without <id>', 'do not wait for this member; it has to join anew').argParser(collect),
      )
      .addOption(daysOption())
      .action(async (options: RotateOptions) => {
        const { rotateAuthority } = await import('../security/change-trust.ts');
        await rotateAuthority(options);
      }),
  ];
}

function daysOption(): Option {
  return new Option('--certificate-days <n>', 'how long certificates of members last').argParser(
    parseInteger(MIN_CERTIFICATE_DAYS, MAX_CERTIFICATE_DAYS),
  );
}

function reach(command: Command): Command {
  return command.addOption(jsonOption()).addOption(dirOption()).addOption(timeoutOption());
}
