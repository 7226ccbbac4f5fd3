import { Command, Option } from 'commander';
import { MAX_TURNS, MAX_USAGE } from '../../protocol/limits.ts';
import { parseUsd } from '../executor-options.ts';
import {
  collect,
  dirOption,
  jsonOption,
  parseInteger,
  parseTime,
  type ReachOptions,
  timeoutOption,
} from '../options.ts';
import type {
  AddOptions,
  ClaimOptions,
  EndOptions,
  FenceOptions,
  ListOptions,
  ReasonOptions,
} from '../tasks/task-options.ts';

const STATES = ['queued', 'assigned', 'running', 'completed', 'failed', 'cancelled', 'blocked', 'parked'];
const MAX_FENCE = Number.MAX_SAFE_INTEGER;

/** The task log: submit, look, work on a task from outside, step in. */
export function taskCommand(): Command {
  const task = new Command('task').description('the task log: add, list, show, claim, complete, …');
  for (const command of [...lookCommands(), ...workCommands(), ...stepInCommands()]) {
    task.addCommand(command.addOption(jsonOption()).addOption(dirOption()).addOption(timeoutOption()));
  }
  return task;
}

function fenceOption(): Option {
  return new Option('--fence <n>', 'the fence that claim gave')
    .argParser(parseInteger(1, MAX_FENCE))
    .makeOptionMandatory();
}

function lookCommands(): Command[] {
  return [
    new Command('add')
      .description('submit a task, or all tasks of a file; prints the record')
      .argument('[id]', 'id of the task (default: a fresh one)')
      .option('--file <file>', 'a task file instead of a single task')
      .option('--title <text>', 'what people see')
      .option('--run <command>', 'work for the executor "command"')
      .option('--prompt <text>', 'work for a model')
      .option(
        '--requires <capability>',
        'only for instances that have it; may be given several times',
        collect,
      )
      .option('--priority <priority>', 'critical, high, medium, normal or low')
      .option('--depends-on <id>', 'only after this task; may be given several times', collect)
      .option('--task-timeout <time>', 'how long one attempt may take', parseTime)
      .option('--retries <n>', 'extra attempts after a failure', parseInteger(0, 99))
      .option('--env <name=value>', 'variable of the task; may be given several times', collect)
      .option('--model <model>', 'alias or id, for executors of prompts')
      .option('--max-turns <n>', 'exchanges with the model in one attempt', parseInteger(1, MAX_TURNS))
      .option('--max-tokens <n>', 'parked once its attempts have used up so much', parseInteger(1, MAX_USAGE))
      .option('--max-cost-usd <amount>', 'parked once its attempts have cost so much', parseUsd)
      .option('--gate <who>', 'waits until somebody approves it')
      .option('--key <key>', 'idempotency key: the same key twice is one submission')
      .addHelpText('after', '\nExample:\n  raft-manager task add build --run "npm run build" --retries 1')
      .action(async (id: string | undefined, options: AddOptions) => {
        const { addTask } = await import('../tasks/add-task.ts');
        await addTask(id, options);
      }),
    new Command('list')
      .description('every task and its state')
      .addOption(
        new Option('--state <state>', 'only these; may be given several times')
          .choices(STATES)
          .argParser(collect),
      )
      .addHelpText('after', '\nExample:\n  raft-manager task list --state failed --state parked')
      .action(async (options: ListOptions) => {
        const { listTasks } = await import('../tasks/look-at-tasks.ts');
        await listTasks(options);
      }),
    new Command('show')
      .description('one task with its notes, hooks and output')
      .argument('<id>')
      .addHelpText('after', '\nExample:\n  raft-manager task show build')
      .action(async (id: string, options: ReachOptions) => {
        const { showTask } = await import('../tasks/look-at-tasks.ts');
        await showTask(id, options);
      }),
    new Command('watch')
      .description('follow a task until it has ended (exit code 1 unless it completed), or all until Ctrl-C')
      .argument('[id]')
      .addHelpText('after', '\nExample:\n  raft-manager task watch build')
      .action(async (id: string | undefined, options: ReachOptions) => {
        const { watchTasks } = await import('../tasks/watch-tasks.ts');
        await watchTasks(id, options);
      }),
  ];
}

function workCommands(): Command[] {
  return [
    new Command('claim')
      .description('take a task, or the best ready one; prints its record with the fence')
      .argument('[id]')
      .option('--as <name>', 'who takes it (default: RAFT_MANAGER_AGENT, else user and host)')
      .option('--capabilities <capability>', 'what you are able to do; may be given several times', collect)
      .option('--lease <time>', 'how long you may be silent', parseTime)
      .option('--wait <time>', 'how long to wait for one to become ready', parseTime)
      .addHelpText(
        'after',
        '\nExample:\n  raft-manager task claim --as reviewer --capabilities review --json',
      )
      .action(async (id: string | undefined, options: ClaimOptions) => {
        const { claimTask } = await import('../tasks/work-on-task.ts');
        await claimTask(id, options);
      }),
    new Command('renew')
      .description('keep a claimed task')
      .argument('<id>')
      .addOption(fenceOption())
      .addHelpText('after', '\nExample:\n  raft-manager task renew build --fence 17')
      .action(async (id: string, options: FenceOptions) => {
        const { renewTask } = await import('../tasks/work-on-task.ts');
        await renewTask(id, options);
      }),
    new Command('note')
      .description('leave a note on a claimed task, for people and for the next attempt')
      .argument('<id>')
      .argument('<text>')
      .addOption(fenceOption())
      .addHelpText('after', '\nExample:\n  raft-manager task note build "half of it compiles" --fence 17')
      .action(async (id: string, text: string, options: FenceOptions) => {
        const { noteOnTask } = await import('../tasks/work-on-task.ts');
        await noteOnTask(id, text, options);
      }),
    new Command('complete')
      .description('finish a claimed task')
      .argument('<id>')
      .addOption(fenceOption())
      .option('--output <text>', 'what came of it; "-" reads stdin')
      .option('--exit-code <n>', 'kept in the record', parseInteger(0, 255))
      .addHelpText(
        'after',
        '\nExample:\n  npm run build | raft-manager task complete build --fence 17 --output -',
      )
      .action(async (id: string, options: EndOptions) => {
        const { completeTask } = await import('../tasks/work-on-task.ts');
        await completeTask(id, options);
      }),
    new Command('fail')
      .description('give a claimed task up; it is tried again as long as it has attempts left')
      .argument('<id>')
      .addOption(fenceOption())
      .option('--reason <text>', 'why')
      .option('--final', 'another attempt cannot help')
      .option('--output <text>', 'what came of it; "-" reads stdin')
      .option('--exit-code <n>', 'kept in the record', parseInteger(0, 255))
      .addHelpText(
        'after',
        '\nExample:\n  raft-manager task fail build --fence 17 --reason "no compiler here"',
      )
      .action(async (id: string, options: EndOptions) => {
        const { failTask } = await import('../tasks/work-on-task.ts');
        await failTask(id, options);
      }),
  ];
}

function stepInCommands(): Command[] {
  return [
    new Command('cancel')
      .description('stop a task for good; what depends on it is blocked')
      .argument('<id>')
      .option('--reason <text>', 'why', 'cancelled by hand')
      .addHelpText('after', '\nExample:\n  raft-manager task cancel build --reason "not needed"')
      .action(async (id: string, options: ReasonOptions) => {
        const { cancelTask } = await import('../tasks/step-in.ts');
        await cancelTask(id, options);
      }),
    new Command('retry')
      .description('another round for a task that failed, was cancelled, is parked or blocked')
      .argument('<id>')
      .addHelpText('after', '\nExample:\n  raft-manager task retry build')
      .action(async (id: string, options: ReachOptions) => {
        const { retryTask } = await import('../tasks/step-in.ts');
        await retryTask(id, options);
      }),
    new Command('approve')
      .description('open the gate of a task')
      .argument('<id>')
      .option('--as <name>', 'who approves (default: as for claim)')
      .addHelpText('after', '\nExample:\n  raft-manager task approve deploy')
      .action(async (id: string, options: ReachOptions & { readonly as?: string }) => {
        const { approveTask } = await import('../tasks/step-in.ts');
        await approveTask(id, options);
      }),
  ];
}
