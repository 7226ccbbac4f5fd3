import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { MAX_VOTERS } from '../../protocol/limits.ts';
import {
  dirOption,
  jsonOption,
  parseInteger,
  parseTime,
  type ReachOptions,
  timeoutOption,
} from '../options.ts';
import type { AutoOptions, WishOptions } from '../quorum/execute-quorum.ts';

const STRATEGIES = ['network', 'performance', 'fault-tolerance', 'hybrid'];

/** Who shall vote: watched, planned, carried out, by hand or continuously. */
export function quorumCommand(): Command {
  const command = new Command('quorum')
    .description('watch the voters, plan who should vote, and carry it out, once or continuously')
    .addHelpText(
      'after',
      `
A majority is always one of all voters, never of those that happen to be up, and every voter has one vote.

Exit code 1: a step was not safe, went wrong (and was taken back where that is better), or the plan is out of date;
2: no such node, or input that cannot be; 3: no quorum.

Examples:
  raft-manager quorum status
  raft-manager quorum plan --strategy fault-tolerance --json >plan.json
  raft-manager quorum apply plan.json
  raft-manager quorum auto on --voters 3 --replace-after 5m`,
    );
  for (const part of [status(), plan(), apply(), auto(), weight(), domain()]) command.addCommand(part);
  return command;
}

function status(): Command {
  const command = new Command('status').description('what the coordinator sees of each member');
  return reach(command, 'quorum status').action(async (options: ReachOptions) =>
    (await body()).showQuorum(options),
  );
}

function plan(): Command {
  const command = new Command('plan').description(
    'who should vote, why, and in which steps; changes nothing',
  );
  for (const option of wishOptions()) command.addOption(option);
  return reach(command, 'quorum plan --strategy fault-tolerance --voters 5').action(
    async (options: WishOptions) => (await body()).showPlan(options),
  );
}

function apply(): Command {
  const command = new Command('apply')
    .description('carry out a plan step by step, or the one that would be made now')
    .argument('[plan]', 'file that "quorum plan --json" has written');
  for (const option of wishOptions()) command.addOption(option);
  return reach(command, 'quorum apply plan.json', 'quorum apply --voters 5').action(
    async (file: string | undefined, options: WishOptions) => (await body()).applyPlan(file, options),
  );
}

function auto(): Command {
  const command = new Command('auto')
    .description('see to the voters continuously, or no longer; status: what is set, and what was done')
    .addArgument(new Argument('<what>', 'on, off or status').choices(['on', 'off', 'status']));
  for (const option of [...wishOptions(), ...timeOptions()]) command.addOption(option);
  return reach(command, 'quorum auto on --voters 3 --replace-after 5m', 'quorum auto status').action(
    async (what: 'on' | 'off' | 'status', options: AutoOptions) => (await body()).setAuto(what, options),
  );
}

function weight(): Command {
  return reach(
    new Command('weight')
      .description('how early a node stands for election, and whom leadership goes to; never its vote')
      .argument('<node>', 'id of a member')
      .argument('<weight>', '0.1 to 2; 1 is usual', parseNumber),
    'quorum weight raft-manager-2 1.5',
  ).action(async (node: string, value: number, options: ReachOptions) =>
    (await body()).setWeight(node, value, options),
  );
}

function domain(): Command {
  return reach(
    new Command('domain')
      .description(
        'what is likely to fail together with a node (default: its host, or its RAFT_MANAGER_DOMAIN)',
      )
      .argument('<node>', 'id of a member')
      .argument('[label]', 'such as rack-7 or zone-a; without it, as the node says itself'),
    'quorum domain raft-manager-2 rack-7',
  ).action(async (node: string, label: string | undefined, options: ReachOptions) =>
    (await body()).setDomain(node, label, options),
  );
}

const body = () => import('../quorum/execute-quorum.ts');

function wishOptions(): Option[] {
  return [
    new Option('--strategy <strategy>', 'what counts most; not said: as "quorum auto status" shows').choices(
      STRATEGIES,
    ),
    new Option('--voters <n>', 'how many shall vote: 1, 3, 5 or 7').argParser(parseInteger(1, MAX_VOTERS)),
    new Option('--survive <n>', 'losses that no change may take the voters below').argParser(
      parseInteger(0, (MAX_VOTERS - 1) / 2),
    ),
  ];
}

function timeOptions(): Option[] {
  return [
    new Option('--cool-down <time>', 'pause after each change; longer for a node that was demoted').argParser(
      parseTime,
    ),
    new Option('--replace-after <time>', 'how long a voter must have been silent').argParser(parseTime),
    new Option('--stable <time>', 'how long a learner must have been there without a break').argParser(
      parseTime,
    ),
  ];
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number such as 1.5');
}

function reach(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((one) => `  raft-manager ${one}`).join('\n');
  return command
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption())
    .addHelpText('after', `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${lines}`);
}
