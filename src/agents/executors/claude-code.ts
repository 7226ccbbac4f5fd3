import { randomUUID } from 'node:crypto';
import { usdOf } from '../../tasks/usage.ts';
import { preambleOf } from './claude-code/briefing.ts';
import {
  clientArguments,
  clientEnvironment,
  findClient,
  missingClient,
  objectionTo,
  permissionModeOf,
} from './claude-code/command-line.ts';
import { decodeSession } from './claude-code/saved-session.ts';
import { type SessionEnd, type SessionOptions, SessionRun } from './claude-code/session-run.ts';
import type { Execution, ExecutionResult, Executor } from './port.ts';

export interface ClaudeCodeOptions {
  /** Our own environment: where the client lies, and what it needs to find its account. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How long a client that has told its result may go on without a word; default 10 s. */
  readonly lingerMs?: number;
}

/** Some releases of the client stay after their result, waiting for a tool that hangs. */
const LINGER_MS = 10_000;

/** Does tasks with Claude Code: `claude -p`, in a process group of its own, as the agent of the instance. */
export function createClaudeCodeExecutor(options: ClaudeCodeOptions): Executor {
  return {
    name: 'claude-code',
    preflight: async (environment) =>
      findClient(environment) === undefined ? missingClient(environment) : undefined,
    refuse: ({ id, prompt }) =>
      prompt === undefined ? `task ${id} has no prompt:, which the executor "claude-code" needs` : undefined,
    execute: (execution) => new Attempt(execution, options).run(),
  };
}

/** One attempt: the session that an earlier one has left is gone on with, else a new one begun. */
class Attempt {
  readonly #execution: Execution;
  readonly #options: ClaudeCodeOptions;

  constructor(execution: Execution, options: ClaudeCodeOptions) {
    this.#execution = execution;
    this.#options = options;
  }

  async run(): Promise<ExecutionResult> {
    const { agent, timeoutMs, onOutput } = this.#execution;
    const { environment } = this.#options;
    const objection = objectionTo(agent, environment);
    if (objection !== undefined) return refused(objection, 'park');
    const program = findClient(environment);
    // Another machine may have it.
    if (program === undefined) return refused(missingClient(environment), 'retry');
    const begin = (within: number): Promise<SessionEnd> =>
      this.#session(program, { kind: 'new', id: randomUUID(), turns: 0 }, within);
    const earlier = await this.#earlierSession();
    if (earlier === undefined) return (await begin(timeoutMs)).result;
    const { result, wasFound } = await this.#session(program, earlier, timeoutMs);
    if (wasFound) return result;
    onOutput?.('the session of the earlier attempt is gone; beginning anew\n');
    return (await begin(Math.max(1, timeoutMs - result.durationMs))).result;
  }

  async #earlierSession(): Promise<SessionOptions['session'] | undefined> {
    const saved = await this.#execution.checkpoint.load();
    const id = saved === undefined ? undefined : decodeSession(saved.state, this.#place());
    return saved === undefined || id === undefined ? undefined : { kind: 'resumed', id, turns: saved.turn };
  }

  /** Where the client keeps its sessions. */
  #place(): { readonly cwd: string; readonly configFolder: string } {
    return { cwd: this.#execution.cwd, configFolder: this.#environment().CLAUDE_CONFIG_DIR ?? '' };
  }

  #environment(): Readonly<Record<string, string>> {
    return { ...clientEnvironment(this.#options.environment), ...this.#execution.environment };
  }

  #session(program: string, session: SessionOptions['session'], timeoutMs: number): Promise<SessionEnd> {
    const execution = this.#execution;
    const { environment: ours, lingerMs = LINGER_MS } = this.#options;
    const { agent, budget, maxTurns, model } = execution;
    const args = clientArguments({
      agent,
      preamble: preambleOf(execution),
      session,
      model,
      maxTurns,
      maxCostUsd:
        budget.maxCostMicros == null ? undefined : usdOf(budget.maxCostMicros - budget.spent.costMicros),
      permissionMode: permissionModeOf(agent, ours),
    });
    const { configFolder } = this.#place();
    const environment = this.#environment();
    return new SessionRun({
      ...{ execution, session, program, args, environment, configFolder, timeoutMs, lingerMs },
    }).run();
  }
}

/** Nothing was begun. */
function refused(reason: string, next: 'park' | 'retry'): ExecutionResult {
  return { outcome: 'failed', exitCode: undefined, reason, next, output: '', durationMs: 0 };
}
