import type { ExecutorName } from '../agents/executors/names.ts';
import type { Execution, ExecutionResult, Executor } from '../agents/executors/port.ts';
import { checkExecutor, createExecutor } from '../agents/executors/registry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { type Assignment, carryOut, usageOf, type Work, type WorkEnd } from './work.ts';

/**
 * Who does the work that instances are given: a function, which does what it likes with scripts and prompts; or one of
 * ours. `command` (default) runs the `run` of tasks as a shell script and leaves prompts to others; `claude` has prompts
 * done by the Messages API, `claude-code` by that program.
 */
export type ExecutorChoice = ExecutorName | Work;

/** Who does the work, and for executors of prompts the model of tasks that ask for none: an alias or a full id. */
export interface WorkOptions {
  readonly executor?: ExecutorChoice;
  readonly model?: string;
}

/**
 * Who was chosen; undefined: whoever the swarm's folder names.
 *
 * @throws SwarmError BAD_INPUT when it cannot work here, naming what is missing.
 */
export async function chosen({ executor: choice }: WorkOptions): Promise<Executor | undefined> {
  if (choice === undefined) return undefined;
  if (typeof choice === 'function') return executorOf(choice);
  const executor = await createExecutor(choice);
  await checkExecutor(executor, process.env);
  return executor;
}

/** As much of the choice as a folder can keep. */
export function kept({ executor, model }: WorkOptions): { executor?: ExecutorName; model?: string } {
  return {
    ...(executor === undefined || typeof executor === 'function' ? {} : { executor }),
    ...(model === undefined ? {} : { model }),
  };
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
