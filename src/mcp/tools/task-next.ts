import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import type { Millis } from '../../protocol/ids.ts';
import type { TaskFence } from '../../tasks/command.ts';
import type { StateCounts, TaskDetail } from '../../tasks/task.ts';
import type { Answer } from '../answer.ts';
import { News } from '../news.ts';
import { LEASE_MS, type Session } from '../session.ts';
import { type Call, defineTool } from '../tool.ts';
import { taskId } from './fields.ts';

const input = z.strictObject({
  taskId: taskId.optional().describe('this one; else the best ready one'),
  waitSeconds: z.int().min(0).max(3_600).default(20),
  capabilities: z.array(z.string()).optional().describe('besides your own'),
  requestId: z.string().optional().describe('a repeated call with it gets the same task'),
});

const output = z.object({
  task: z.object({ taskId: z.string(), fence: z.int(), title: z.string() }).nullable(),
});

type Next = Answer<z.input<typeof output>>;

/** Without news a task may have become ready by time alone, or news may have been lost. */
const LOOK_AGAIN_MS: Millis = 1_000;
/** The swarm gives out nothing just now: to ask again costs everybody an entry of the log. */
const REFUSED_PAUSE_MS: Millis = 5_000;
/** A busy swarm has news all the time. */
const LEAST_PAUSE_MS: Millis = 25;

const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  'NOTHING_READY',
  'PAUSED',
  'LIMIT_EXCEEDED',
  'BUDGET_EXHAUSTED',
]);

export const taskNext = defineTool({
  name: 'task_next',
  title: 'Take the next task',
  description:
    'Claims a task for you, or waits for one (task is null after that). It stays yours while this session lives; keep its fence for task_update.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
  async run(wanted, call) {
    const { session } = call;
    const id = await session.holder();
    const capabilities = [...new Set([...session.capabilities, ...(wanted.capabilities ?? [])])];
    const requestId = wanted.requestId ?? randomUUID();
    const { taskId: named } = wanted;
    const which = named === undefined ? {} : { taskId: named };
    const claim = (): Promise<TaskFence> => {
      const claimant = { id, capabilities };
      return session.execute({ kind: 'claim', requestId, claimant, leaseMs: LEASE_MS, ...which });
    };
    if (named !== undefined) return answerFor(await claim(), call);
    // A call that is repeated may have claimed its task already: that nothing is ready says nothing then.
    const first = wanted.requestId === undefined ? NOT_ASKED : await attempt(claim);
    const waiting = { claim, capabilities, waitMs: wanted.waitSeconds * 1_000 };
    const claimed = first.kind === 'claimed' ? first.claim : await claimWhenReady(waiting, call);
    if (claimed !== undefined) return answerFor(claimed, call);
    const text = `nothing is ready for you after ${wanted.waitSeconds} s: call task_next again to go on waiting, or look with task_list`;
    return { data: { task: null }, text };
  },
});

/** `refused`: the swarm gives out nothing just now. */
type Attempt =
  | { readonly kind: 'claimed'; readonly claim: TaskFence }
  | { readonly kind: 'refused' | 'too-late' | 'not-asked'; readonly why: string };

const NOT_ASKED: Attempt = { kind: 'not-asked', why: 'nothing is ready' };

interface Waiting {
  readonly capabilities: readonly string[];
  readonly waitMs: Millis;
  claim(): Promise<TaskFence>;
}

/** Undefined when nothing became ready in time. @throws the reason of the call's signal. */
async function claimWhenReady({ waitMs, ...waiting }: Waiting, call: Call): Promise<TaskFence | undefined> {
  const { session, signal, tell } = call;
  const news = new News(session, signal);
  const deadline = performance.now() + waitMs;
  try {
    for (;;) {
      signal.throwIfAborted();
      news.forget();
      const { attempted, counts } = await look(waiting, session);
      if (attempted.kind === 'claimed') return attempted.claim;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      tell(`${attempted.why}; ${counts.running} running, ${counts.queued} queued`, waitMs / 1_000);
      const pause = attempted.kind === 'refused' ? REFUSED_PAUSE_MS : LEAST_PAUSE_MS;
      await news.arrive({ atLeast: Math.min(left, pause), atMost: Math.min(left, pause + LOOK_AGAIN_MS) });
    }
  } finally {
    news.end();
  }
}

/** A look costs nothing; a claim in vain is an entry of the log. */
async function look(
  { capabilities, claim }: Pick<Waiting, 'capabilities' | 'claim'>,
  session: Session,
): Promise<{ readonly attempted: Attempt; readonly counts: StateCounts }> {
  const query = { kind: 'brief', holders: [], capabilities, since: null } as const;
  const { counts, paused, ready } = await session.query(query);
  if (paused !== null) return { attempted: { kind: 'not-asked', why: `paused ${paused}`.trim() }, counts };
  return { attempted: ready === null ? NOT_ASKED : await attempt(claim), counts };
}

async function attempt(claim: () => Promise<TaskFence>): Promise<Attempt> {
  try {
    return { kind: 'claimed', claim: await claim() };
  } catch (error) {
    if (!(error instanceof SwarmError) || !MAY_PASS.has(error.code)) throw error;
    // Somebody else was quicker; the next one may be ready.
    return { kind: error.code === 'NOTHING_READY' ? 'too-late' : 'refused', why: error.message };
  }
}

/** @throws SwarmError STALE_FENCE when the claim of this request is over: it was asked for long ago. */
async function answerFor({ taskId: id, fence }: TaskFence, { session, signal }: Call): Promise<Next> {
  if (signal.aborted) {
    // Nobody hears the answer: nobody would ever do the work.
    await session.execute({ kind: 'release', taskId: id, fence, reason: 'whoever asked for it went away' });
    signal.throwIfAborted();
  }
  const task = await session.query({ kind: 'task', id });
  if (task?.fence !== fence || task.state !== 'running') {
    const state = task === null ? 'not known any more' : `${task.state} now`;
    throw new SwarmError(
      'STALE_FENCE',
      `what this requestId claimed, ${id} with fence ${fence}, is ${state}`,
    );
  }
  return { data: { task: workOf(task, fence) }, text: textOf(task, fence) };
}

function workOf(task: TaskDetail, fence: number) {
  const { id, title, prompt, run, requires, dependsOn, attempts, notes, timeoutMs } = task;
  const told = notes.map(({ agent, text }) => ({ agent, text }));
  return {
    ...{ taskId: id, fence, title, prompt, run, requires, dependsOn },
    ...{ attempt: attempts, notes: told, timeoutMs },
  };
}

/** Texts of others are quoted: they are the work, and no words of this server. */
function textOf({ id, title, prompt, run, notes, attempts }: TaskDetail, fence: number): string {
  const work = [
    ...(prompt === null ? [] : [`prompt ${JSON.stringify(prompt)}`]),
    ...(run === null ? [] : [`run ${JSON.stringify(run)}`]),
  ];
  const told = notes.map(({ agent, text }) => `note by ${agent} ${JSON.stringify(text)}`);
  const parts = [
    `${id} is yours with fence ${fence}, attempt ${attempts}: ${JSON.stringify(title)}`,
    ...work,
    ...told,
  ];
  return `${parts.join('; ')}. When it is done: task_update with action complete.`;
}
