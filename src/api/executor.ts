import type { Execution, ExecutionResult, Executor } from '../agents/executors/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import { type Assignment, carryOut, usageOf, type Work, type WorkEnd } from './work.ts';

/**
 * Who does the work that instances are given: `command` (default) runs the `run` of tasks as a shell script; a function
 * does what it likes with scripts and prompts.
 */
export type ExecutorChoice = 'command' | Work;

/** Undefined: whatever the swarm's folder says. */
export function chosen(choice: ExecutorChoice | undefined): Executor | undefined {
  return typeof choice === 'function' ? executorOf(choice) : undefined;
}

/** Lets a function of the program do the work that instances are given. */
function executorOf(work: Work): Executor {
  return {
    name: 'program',
    refuse: () => undefined,
    async execute(execution) {
      const begun = performance.now();
      const lost = new AbortController();
      const lose = (): void => lost.abort(whyAborted(execution));
      execution.signal.addEventListener('abort', lose, { once: true });
      if (execution.signal.aborted) lose();
      const end = await carryOut(work, assignmentOf(execution), {
        signal: lost.signal,
        timeoutMs: execution.timeoutMs,
      });
      execution.signal.removeEventListener('abort', lose);
      return { ...resultOf(end), durationMs: Math.round(performance.now() - begun) };
    },
  };
}

function assignmentOf(execution: Execution): Omit<Assignment, 'signal'> {
  const { attempt, fence, instanceId, notes, prompt, run, swarm, taskId, title } = execution;
  const note = (text: string): Promise<void> => swarm.note(text);
  return { taskId, title, prompt, run, worker: instanceId, fence, attempt, notes, note };
}

function whyAborted({ signal, taskId }: Execution): SwarmError {
  if (signal.reason === 'stopping') return new SwarmError('STOPPED', 'the instance is about to stop');
  return new SwarmError('STALE_FENCE', `task ${taskId} was cancelled, or is somebody else's by now`);
}

function resultOf(end: WorkEnd): Omit<ExecutionResult, 'durationMs'> {
  const nothing = { exitCode: undefined, reason: undefined, output: '' };
  switch (end.kind) {
    case 'completed':
      return { ...nothing, outcome: 'completed', output: end.output, ...usageOf(end) };
    case 'failed': {
      const { next, output, reason } = end;
      return { ...nothing, outcome: 'failed', reason, next, output, ...usageOf(end) };
    }
    case 'abandoned':
      return { ...nothing, outcome: 'cancelled' };
  }
}
