import { runBash } from '../../shell/bash.ts';
import { failureOf } from '../../shell/failure.ts';
import type { Executor } from './port.ts';

const COMPLETED = { outcome: 'completed', exitCode: 0, reason: undefined } as const;

/** Does a task by running its `run:` as a bash script. */
export const commandExecutor: Executor = {
  name: 'command',
  refuse: ({ id, run }) => (run === undefined ? needsRun(id) : undefined),
  async execute(execution) {
    const { run, taskId, timeoutMs } = execution;
    if (run === undefined) {
      return { outcome: 'failed', exitCode: undefined, reason: needsRun(taskId), output: '', durationMs: 0 };
    }
    const { end, output, durationMs } = await runBash({ ...execution, script: run });
    return { ...(failureOf(end, timeoutMs) ?? COMPLETED), output, durationMs };
  },
};

function needsRun(taskId: string): string {
  return `task ${taskId} has no run:, which the executor "command" needs`;
}
