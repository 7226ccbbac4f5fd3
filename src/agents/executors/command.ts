import { type BashEnd, runBash } from '../../shell/bash.ts';
import type { Execution, ExecutionResult, Executor } from './port.ts';

/** Does a task by running its `run:` as a bash script. */
export const commandExecutor: Executor = {
  name: 'command',
  async execute(execution) {
    const { run, taskId, timeoutMs } = execution;
    if (run === undefined) {
      const reason = `task ${taskId} has no run:, which the executor "command" needs`;
      return { outcome: 'failed', exitCode: undefined, reason, output: '', durationMs: 0 };
    }
    const { end, output, durationMs } = await runBash({ ...execution, script: run });
    return { ...verdictOf(end, timeoutMs), output, durationMs };
  },
};

function verdictOf(
  end: BashEnd,
  timeoutMs: Execution['timeoutMs'],
): Pick<ExecutionResult, 'outcome' | 'exitCode' | 'reason'> {
  switch (end.kind) {
    case 'exited':
      return end.exitCode === 0
        ? { outcome: 'completed', exitCode: 0, reason: undefined }
        : { outcome: 'failed', exitCode: end.exitCode, reason: `exit code ${end.exitCode}` };
    case 'signalled':
      return { outcome: 'failed', exitCode: undefined, reason: `ended by ${end.signal}` };
    case 'timed-out':
      return { outcome: 'timed-out', exitCode: undefined, reason: `did not end within ${timeoutMs} ms` };
    case 'cancelled':
      return { outcome: 'cancelled', exitCode: undefined, reason: 'the task was taken away' };
    case 'could-not-start':
      return { outcome: 'failed', exitCode: undefined, reason: end.reason };
  }
}
