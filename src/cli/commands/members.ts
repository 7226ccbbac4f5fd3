import { Command } from 'commander';
import type { Wish } from '../../swarm/member-change.ts';
import { dirOption, jsonOption, type ReachOptions, timeoutOption } from '../options.ts';
import type { ChangeOptions } from '../service/execute-members.ts';

/** Who votes and who learns: seen and changed, through the log, by whoever coordinates. */
export function membersCommand(): Command {
  const command = new Command('members')
    .description('who belongs to the swarm: list them, let them in and out, let them vote or only learn')
    .addHelpText(
      'after',
      `
Several nodes named in one command change in one step; more than one voter at once goes through a joint phase,
in which the old and the new voters both decide. One voter works alone; three survive the loss of one, five of
two. Two voters do NOT survive the loss of one.

What is so already is no error. Exit code 1: the swarm is in no state for it; 2: no such node; 3: no quorum.

Examples:
  raft-manager members list
  raft-manager members promote builder.31 builder.44
  raft-manager members replace raft-manager-2 builder.31`,
    );
  command.addCommand(
    reach(new Command('list').description('members, as the coordinator sees them')).action(
      async (options: ReachOptions) => {
        const { listMembers } = await import('../service/execute-members.ts');
        await listMembers(options);
      },
    ),
  );
  for (const { kind, says } of CHANGES) {
    const one = change(new Command(kind).description(says).argument('<ids...>', 'ids of nodes'));
    if (kind === 'add') one.option('--voter', 'let them vote as soon as they have caught up');
    one.action((ids: readonly string[], options: ChangeOptions) => carryOut({ kind, ids }, options));
    command.addCommand(one);
  }
  command.addCommand(
    change(
      new Command('replace')
        .description('let one node take the place of another, in one step')
        .argument('<old>', 'id of a member, which leaves')
        .argument('<new>', 'id of the node that votes, or learns, instead'),
    ).action((former: string, next: string, options: ChangeOptions) =>
      carryOut({ kind: 'replace', former, next }, options),
    ),
  );
  return command;
}

const CHANGES = [
  { kind: 'add', says: 'let nodes of this machine in again that were removed, as learners' },
  { kind: 'promote', says: 'let learners vote' },
  { kind: 'demote', says: 'let voters only learn' },
  { kind: 'remove', says: 'take nodes out of the swarm; their processes end' },
] as const;

async function carryOut(wish: Wish, options: ChangeOptions): Promise<void> {
  const { changeMembers } = await import('../service/execute-members.ts');
  await changeMembers(wish, options);
}

function reach(command: Command): Command {
  return command.addOption(jsonOption()).addOption(dirOption()).addOption(timeoutOption());
}

function change(command: Command): Command {
  return reach(command).option('--force', 'also where it endangers what the swarm can bear');
}
