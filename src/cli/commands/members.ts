import { Command } from 'commander';
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
  for (const { name, says } of CHANGES) {
    command.addCommand(
      change(new Command(name).description(says).argument('<ids...>', 'ids of nodes')).action(
        async (ids: readonly string[], options: ChangeOptions) => {
          const { changeMembers } = await import('../service/execute-members.ts');
          await changeMembers(
            ids.map((id) => ({ type: TYPES[name], id })),
            options,
          );
        },
      ),
    );
  }
  command.addCommand(
    change(
      new Command('replace')
        .description('let one vote in the place of another, in one step')
        .argument('<old>', 'id of a member, which leaves')
        .argument('<new>', 'id of the node that votes instead'),
    ).action(async (old: string, next: string, options: ChangeOptions) => {
      const { changeMembers } = await import('../service/execute-members.ts');
      await changeMembers(
        [
          { type: 'add-voter', id: next },
          { type: 'remove', id: old },
        ],
        options,
      );
    }),
  );
  return command;
}

const CHANGES = [
  { name: 'add', says: 'let nodes that were removed back in, as learners' },
  { name: 'promote', says: 'let learners vote' },
  { name: 'demote', says: 'let voters only learn' },
  { name: 'remove', says: 'take nodes out of the swarm' },
] as const;

const TYPES = {
  add: 'add-learner',
  promote: 'add-voter',
  demote: 'add-learner',
  remove: 'remove',
} as const;

function reach(command: Command): Command {
  return command.addOption(jsonOption()).addOption(dirOption()).addOption(timeoutOption());
}

function change(command: Command): Command {
  return reach(command).option('--force', 'also where it endangers what the swarm can bear');
}
