import type { AgentDefinition } from '../agents/definition.ts';
import type { Execution, ExecutionResult, Executor } from '../agents/executors/port.ts';
import { type HookContext, hookEnvironment, inheritedEnvironment, mayBeSet } from '../hooks/environment.ts';
import { type HookPhase, type HookReport, runHook } from '../hooks/runner.ts';
import type { NodeStatus } from '../node/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { AttemptResult, FailCommand, HookRecord } from '../tasks/command.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import type { TaskRecord } from '../tasks/task.ts';
import { limitsOf, NO_USAGE, type Usage, usageSince } from '../tasks/usage.ts';
import type { AttemptDesk } from './attempt-desk.ts';

/** How one attempt ended, for the log. `lost`: somebody else may work on the task by now; say nothing. */
export type AttemptEnd =
  | { readonly kind: 'completed'; readonly result: AttemptResult }
  | {
      readonly kind: 'failed';
      readonly result: AttemptResult;
      readonly reason: string;
      readonly next: FailCommand['next'];
      readonly code?: string;
    }
  | { readonly kind: 'handed-back'; readonly reason: string; readonly usage?: Usage }
  | { readonly kind: 'lost' };

interface Attempt {
  readonly record: TaskRecord;
  readonly fence: number;
  /** Aborted with reason `lost` (cancelled, expired, taken over) or `stopping`. */
  readonly signal: AbortSignal;
  readonly desk: AttemptDesk;
}

/** Runs one attempt from pre hook to post hook. Never throws. */
export type AttemptRunner = (attempt: Attempt) => Promise<AttemptEnd>;

/** Whether the agent's hooks may run on this machine, decided once per process. */
export type HookPolicy =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly reason: string; readonly required: boolean };

export interface AttemptOptions {
  readonly instanceId: string;
  readonly swarmName: string;
  /** Folder of the swarm. */
  readonly swarmRoot: string;
  readonly life: string;
  readonly definition: AgentDefinition;
  readonly executor: Executor;
  /** Of tasks that ask for none. */
  readonly model?: string | undefined;
  readonly maxTurns?: number | undefined;
  readonly hooks: HookPolicy;
  /** Working folder of tasks and hooks. */
  readonly workspace: string;
  /** Our own environment, of which little is passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  status(): NodeStatus;
  /** What the log says that all tasks together may use up. */
  readonly machine: Pick<TaskMachine, 'settings'>;
}

/** What the log says to whoever has no lease any more. */
const ENDED: ReadonlySet<string> = new Set(['STALE_FENCE', 'BUDGET_EXHAUSTED']);

const DEFAULT_TASK_TIMEOUT_MS = 60 * 60 * 1000;

/** What a person's commands expect to find besides PATH, HOME, LANG and TERM. No secrets: those are named in `env`. */
const TASK_VARIABLES = ['USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'TZ', 'LC_ALL', 'LC_CTYPE', 'CI', 'NO_COLOR'];

export function createAttemptRunner(options: AttemptOptions): AttemptRunner {
  return async (attempt) => {
    try {
      return await new AttemptRun(options, attempt).run();
    } catch (error) {
      // Whatever went wrong on this machine is a failed attempt, not a task that hangs until its lease ends.
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', result: { output: '', hooks: [] }, reason, next: 'retry' };
    }
  };
}

/** One attempt: pre hook, executor, post hook, in this order and each at most once. */
class AttemptRun {
  readonly #options: AttemptOptions;
  readonly #attempt: Attempt;
  readonly #hooks: HookRecord[] = [];

  constructor(options: AttemptOptions, attempt: Attempt) {
    this.#options = options;
    this.#attempt = attempt;
  }

  async run(): Promise<AttemptEnd> {
    const { executor, hooks } = this.#options;
    const { id, spec } = this.#attempt.record;
    const impossible = executor.refuse({ id, run: spec.run, prompt: spec.prompt });
    if (impossible !== undefined) return this.#failed(impossible, { next: 'final' });
    if (hooks.kind === 'denied' && this.#hasHooks()) {
      this.#hooks.push(deniedRecord(hooks.reason));
      if (hooks.required) return this.#failed(hooks.reason, { next: 'final' });
    }
    const pre = await this.#runPhase('pre');
    if (pre !== undefined && pre.outcome !== 'succeeded') {
      await this.#runPhase('post', 'false');
      if (this.#attempt.signal.aborted) return this.#aborted();
      return this.#failed(`pre hook: ${pre.reason ?? pre.outcome}`, { exitCode: pre.exitCode });
    }
    const execution = await this.#execute();
    const isDone = execution !== 'over' && execution.outcome === 'completed';
    await this.#runPhase('post', isDone ? 'true' : 'false');
    return execution === 'over' ? this.#aborted() : this.#endOf(execution);
  }

  #hasHooks(): boolean {
    const { pre, post } = this.#options.definition.hooks;
    return pre.length + post.length > 0;
  }

  async #runPhase(phase: HookPhase, success?: 'true' | 'false'): Promise<HookReport | undefined> {
    const { definition, environment, hooks, workspace } = this.#options;
    const scripts = definition.hooks[phase];
    if (hooks.kind === 'denied' || scripts.length === 0) return undefined;
    const context = success === undefined ? this.#context() : { ...this.#context(), SUCCESS: success };
    const report = await runHook({
      phase,
      scripts,
      environment: hookEnvironment(context, inheritedEnvironment(environment)),
      cwd: workspace,
      // A post hook cleans up, so it runs whatever happened, also when the task was taken away.
      signal: phase === 'pre' ? this.#attempt.signal : new AbortController().signal,
    });
    this.#hooks.push(recordOf(report));
    return report;
  }

  async #execute(): Promise<ExecutionResult | 'over'> {
    const { desk, signal } = this.#attempt;
    const result = await this.#work();
    await desk.close({ signal, output: result === 'over' ? '' : result.output });
    return result;
  }

  /** `over`: the log has ended the lease, and the executor noticed it first. */
  async #work(): Promise<ExecutionResult | 'over'> {
    const begun = performance.now();
    try {
      return await this.#options.executor.execute(this.#execution());
    } catch (error) {
      if (error instanceof SwarmError && ENDED.has(error.code)) return 'over';
      const reason = error instanceof Error ? error.message : String(error);
      const durationMs = performance.now() - begun;
      return { outcome: 'failed', exitCode: undefined, reason, output: '', durationMs };
    }
  }

  #execution(): Execution {
    const { definition, environment, instanceId, maxTurns, machine, model, status, workspace } =
      this.#options;
    const { record, fence, signal, desk } = this.#attempt;
    const { spec, usage = NO_USAGE, usageBefore = NO_USAGE } = record;
    const { TASK: _text, ...context } = this.#context();
    const own = Object.fromEntries(Object.entries(spec.env).filter(([name]) => mayBeSet(name)));
    return {
      taskId: record.id,
      title: spec.title,
      run: spec.run,
      prompt: spec.prompt,
      agent: definition,
      instanceId,
      fence,
      attempt: record.attempts,
      notes: record.notes,
      coordinator: status().leaderId,
      model: spec.model ?? model,
      maxTurns: spec.maxTurns ?? maxTurns,
      budget: {
        maxTokens: spec.maxTokens ?? null,
        maxCostMicros: spec.maxCostMicros ?? null,
        spent: usageSince(usageBefore, usage),
      },
      swarmBudget: limitsOf(machine.settings),
      checkpoint: desk.checkpoint,
      swarm: desk.swarm,
      environment: {
        ...inheritedEnvironment(environment, TASK_VARIABLES),
        ...own,
        ...context,
        TASK_ATTEMPT: String(record.attempts),
      },
      cwd: workspace,
      timeoutMs: spec.timeoutMs ?? DEFAULT_TASK_TIMEOUT_MS,
      signal,
      onOutput: (text) => desk.tell(text),
    };
  }

  #context(): HookContext {
    const { definition, instanceId, life, status, swarmName, swarmRoot } = this.#options;
    const { record, fence } = this.#attempt;
    const { leaderId, role, term } = status();
    return {
      TASK: record.spec.prompt ?? record.spec.title,
      TASK_ID: record.id,
      AGENT_ID: instanceId,
      AGENT_NAME: definition.name,
      SWARM_ID: swarmName,
      SESSION_ID: life,
      RAFT_TERM: String(term),
      RAFT_LEADER: leaderId ?? '',
      RAFT_ROLE: role,
      FENCE: String(fence),
      RAFT_MANAGER_DIR: swarmRoot,
    };
  }

  #endOf(execution: ExecutionResult): AttemptEnd {
    const { outcome, output, reason, usage } = execution;
    // Whoever was told to stop may say so in any way.
    if (outcome !== 'completed' && this.#attempt.signal.aborted) return this.#aborted(usage);
    if (outcome === 'completed') return { kind: 'completed', result: this.#result(output, execution) };
    return this.#failed(reason ?? outcome, execution);
  }

  /** Why the signal was given decides whether the log wants to hear of it. */
  #aborted(usage?: Usage): AttemptEnd {
    if (this.#attempt.signal.reason !== 'stopping') return { kind: 'lost' };
    const reason = 'the instance is stopping';
    return { kind: 'handed-back', reason, ...(usage === undefined ? {} : { usage }) };
  }

  #failed(reason: string, end: Partial<ExecutionResult>): AttemptEnd {
    const { output = '', next = 'retry', code } = end;
    const result = this.#result(output, end);
    return { kind: 'failed', result, reason, next, ...(code === undefined ? {} : { code }) };
  }

  #result(output: string, { exitCode, usage }: Partial<ExecutionResult>): AttemptResult {
    return {
      output,
      hooks: this.#hooks,
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(usage === undefined ? {} : { usage }),
    };
  }
}

function deniedRecord(reason: string): HookRecord {
  return { hook: 'pre', outcome: 'denied', durationMs: 0, stdout: '', stderr: reason };
}

function recordOf({ phase, outcome, exitCode, durationMs, stdout, stderr }: HookReport): HookRecord {
  return {
    hook: phase,
    outcome: outcome === 'cancelled' ? 'failed' : outcome,
    durationMs,
    stdout,
    stderr,
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}
