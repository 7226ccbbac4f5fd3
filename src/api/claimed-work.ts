import { SwarmError } from '../protocol/errors.ts';
import type { ResultValues, TaskFence } from '../tasks/command.ts';
import type { Claim, Ending, Failure, WorkOutcome } from './client-port.ts';
import { type Assignment, carryOut, usageOf, type Work, type WorkEnd } from './work.ts';

/** Who works, and says under the claim how it goes. */
interface Worker {
  readonly name: string;
  note(claim: TaskFence, text: string): Promise<void>;
  complete(claim: TaskFence, ending: Ending): Promise<void>;
  fail(claim: TaskFence, reason: string, failure: Failure): Promise<ResultValues['fail']['state']>;
}

interface ClaimedWork {
  readonly claim: Claim;
  /** Given when the claim is lost, with a `SwarmError` STALE_FENCE as its reason. */
  readonly lost: AbortSignal;
  readonly work: Work;
}

/** Does the work of a claimed task from its beginning to the word on how it ended. */
export async function workOn(worker: Worker, { claim, lost, work }: ClaimedWork): Promise<WorkOutcome> {
  const about = assignmentOf(claim, worker);
  const end = await carryOut(work, about, { signal: lost, timeoutMs: claim.task.timeoutMs });
  try {
    return await record(worker, claim, end, lost);
  } catch (error) {
    if (!(error instanceof SwarmError) || error.code !== 'STALE_FENCE') throw error;
    return { outcome: 'lost', reason: error.message };
  }
}

async function record(worker: Worker, claim: Claim, end: WorkEnd, lost: AbortSignal): Promise<WorkOutcome> {
  switch (end.kind) {
    case 'completed':
      await worker.complete(claim, { output: end.output, ...usageOf(end) });
      return { outcome: 'completed', output: end.output };
    case 'failed': {
      const { next, output, reason } = end;
      const state = await worker.fail(claim, reason, { next, output, ...usageOf(end) });
      return { outcome: 'failed', reason, state };
    }
    case 'abandoned':
      throw lost.reason;
  }
}

function assignmentOf(claim: Claim, worker: Worker): Omit<Assignment, 'signal'> {
  const { fence, task, taskId } = claim;
  const { attempts, notes, prompt, run, title } = task;
  return {
    taskId,
    title,
    prompt: prompt ?? undefined,
    run: run ?? undefined,
    worker: worker.name,
    fence,
    attempt: attempts,
    notes,
    note: (text) => worker.note(claim, text),
  };
}
