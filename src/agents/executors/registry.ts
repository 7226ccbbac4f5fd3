import { SwarmError } from '../../protocol/errors.ts';
import { commandExecutor } from './command.ts';
import type { ExecutorName } from './names.ts';
import type { Executor } from './port.ts';

/** Loaded only where they are used: an SDK costs every command its start. */
const FACTORIES: Readonly<Record<ExecutorName, () => Promise<Executor>>> = {
  command: async () => commandExecutor,
  claude: async () => {
    const { createClaudeExecutor } = await import('./claude.ts');
    return createClaudeExecutor({ environment: process.env });
  },
  'claude-code': async () => {
    const { createClaudeCodeExecutor } = await import('./claude-code.ts');
    return createClaudeCodeExecutor({ environment: process.env });
  },
};

/** The executor of that name. One that does prompts leaves tasks with a `run` to the shell. */
export async function createExecutor(name: ExecutorName): Promise<Executor> {
  const executor = await FACTORIES[name]();
  return executor === commandExecutor ? executor : withShell(executor);
}

/**
 * Makes sure that the executor can work here, before anything is started or changed.
 *
 * @throws SwarmError BAD_INPUT saying what is missing.
 */
export async function checkExecutor(
  executor: Executor,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const reason = await executor.preflight?.(environment);
  if (reason !== undefined) throw new SwarmError('BAD_INPUT', reason);
}

/** A shell command is no work for a model: it is run as it stands, wherever the task ends up. */
function withShell(model: Executor): Executor {
  const forWork = ({ run }: { readonly run?: string | undefined }): Executor =>
    run === undefined ? model : commandExecutor;
  return {
    name: model.name,
    ...(model.preflight === undefined ? {} : { preflight: model.preflight.bind(model) }),
    refuse: (task) => forWork(task).refuse(task),
    execute: (execution) => forWork(execution).execute(execution),
  };
}
