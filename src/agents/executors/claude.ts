import { OutputTail } from '../../shell/output.ts';
import { isBound } from '../../tasks/usage.ts';
import {
  type Conversation,
  decodeConversation,
  settingOf,
  withoutThoughts,
  withRemark,
} from './claude/conversation.ts';
import { missingKey } from './claude/credentials.ts';
import { AgentLoop, type LoopEnd } from './claude/loop.ts';
import { ModelClient } from './claude/model-client.ts';
import { hasPrice, modelOf } from './claude/models.ts';
import { withoutPrice } from './claude/outcomes.ts';
import { situationOf, systemPrompt } from './claude/system-prompt.ts';
import { resumedMessage, taskMessage } from './claude/task-message.ts';
import { SeenFiles } from './claude/tools/seen-files.ts';
import { openToolbox } from './claude/tools/toolbox.ts';
import type { Execution, ExecutionResult, Executor } from './port.ts';

export interface ClaudeOptions {
  /** Our own environment: the key, the address and the models of a user. Tools never see it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Times that a request is tried again before its task fails, each after as long as the API asks for; default 4. */
  readonly maxRetries?: number;
  /** Until an answer begins; default 2 min. */
  readonly requestTimeoutMs?: number;
  /** Without a sign of life in the middle of an answer; default 2 min. */
  readonly idleTimeoutMs?: number;
  /** Before an answer that broke off is asked for again; default 1 s, twice as long each time. */
  readonly pauseMs?: number;
}

const DEFAULT_MAX_RETRIES = 4;
const DEFAULT_TIMEOUT_MS = 2 * 60 * 1000;
const DEFAULT_PAUSE_MS = 1_000;

/** Of a task for which nobody says anything: a conversation that has not ended by then goes round in circles. */
const DEFAULT_MAX_TURNS = 100;

/** Does tasks with the Messages API: one task is one conversation with tools, saved after each turn. */
export function createClaudeExecutor(options: ClaudeOptions): Executor {
  return {
    name: 'claude',
    preflight: async (environment) => missingKey(environment),
    refuse: ({ id, prompt }) =>
      prompt === undefined ? `task ${id} has no prompt:, which the executor "claude" needs` : undefined,
    execute: (execution) => new Attempt(execution, options).run(),
  };
}

/** One attempt: the conversation that an earlier one has left is gone on with, else a new one begun. */
class Attempt {
  readonly #execution: Execution;
  readonly #options: ClaudeOptions;
  readonly #model: string;
  readonly #timeout: AbortSignal;
  readonly #signal: AbortSignal;
  readonly #progress = new OutputTail();
  readonly #begun = performance.now();

  constructor(execution: Execution, options: ClaudeOptions) {
    this.#execution = execution;
    this.#options = options;
    this.#model = modelOf(execution.model, execution.agent, options.environment);
    this.#timeout = AbortSignal.timeout(execution.timeoutMs);
    this.#signal = AbortSignal.any([execution.signal, this.#timeout]);
  }

  async run(): Promise<ExecutionResult> {
    const { budget, swarmBudget } = this.#execution;
    const lack = missingKey(this.#options.environment);
    // Another machine may have it.
    if (lack !== undefined) return this.#failed({ code: 'API_KEY', next: 'retry', reason: lack });
    if (!hasPrice(this.#model)) {
      if (isBound(budget.maxCostMicros)) return this.#failed(withoutPrice(this.#model, 'task'));
      if (isBound(swarmBudget.maxCostMicros)) return this.#failed(withoutPrice(this.#model, 'swarm'));
    }
    const loop = await this.#openLoop();
    try {
      const end = await loop.run();
      return { ...this.#resultOf(end), usage: loop.usage };
    } catch (error) {
      if (!this.#signal.aborted) throw error;
      return { ...this.#aborted(), usage: loop.usage };
    }
  }

  async #openLoop(): Promise<AgentLoop> {
    const execution = this.#execution;
    const { environment, maxRetries, requestTimeoutMs, idleTimeoutMs, pauseMs } = this.#options;
    const earlier = await this.#earlier();
    const seen = new SeenFiles(earlier?.seen ?? {});
    const { tools, missing } = await openToolbox(execution, seen);
    if (missing.length > 0) this.#tell(`not to be had here: ${missing.join(', ')}\n`);
    if (!hasPrice(this.#model))
      this.#tell(`the price of ${this.#model} is not known; its cost counts as 0\n`);
    const situation = earlier?.situation ?? situationOf(execution);
    const system = systemPrompt(execution.agent, situation);
    const declarations = tools.map(({ declaration }) => declaration);
    const setting = settingOf({ model: this.#model, system, tools: declarations });
    const conversation =
      earlier === undefined ? this.#fresh({ situation, setting }) : this.#resumed(earlier, setting);
    const client = new ModelClient({
      environment,
      maxRetries: maxRetries ?? DEFAULT_MAX_RETRIES,
      requestTimeoutMs: requestTimeoutMs ?? DEFAULT_TIMEOUT_MS,
      idleTimeoutMs: idleTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
    return new AgentLoop(
      {
        ...{ execution, client, model: this.#model, system, tools, seen, signal: this.#signal },
        maxTurns: maxTurnsOf(execution),
        pauseMs: pauseMs ?? DEFAULT_PAUSE_MS,
        tell: (text) => this.#tell(text),
      },
      conversation,
    );
  }

  async #earlier(): Promise<Conversation | undefined> {
    const saved = await this.#execution.checkpoint.load();
    if (saved === undefined) return undefined;
    const earlier = decodeConversation(saved.state);
    if (earlier === undefined)
      this.#tell('what the earlier attempt left is not ours to read; beginning anew\n');
    else this.#tell(`going on after turn ${earlier.turns}\n`);
    return earlier;
  }

  #fresh(opening: Pick<Conversation, 'situation' | 'setting'>): Conversation {
    const messages = [{ role: 'user' as const, content: [taskMessage(this.#execution)] }];
    return { ...opening, turns: 0, messages, seen: {} };
  }

  #resumed(earlier: Conversation, setting: string): Conversation {
    const conversation = earlier.setting === setting ? earlier : withoutThoughts(earlier);
    return withRemark({ ...conversation, setting }, resumedMessage(this.#execution));
  }

  #tell(text: string): void {
    if (this.#signal.aborted) return;
    this.#progress.add(text);
    this.#execution.onOutput?.(text);
  }

  #resultOf(end: LoopEnd): ExecutionResult {
    if (end.kind === 'failed') return this.#failed(end.failure);
    const output = new OutputTail();
    output.add(end.answer);
    return { ...this.#end(), outcome: 'completed', exitCode: 0, reason: undefined, output: output.text };
  }

  #failed(
    failure: Pick<Required<ExecutionResult>, 'code' | 'next'> & { readonly reason: string },
  ): ExecutionResult {
    return { ...this.#end(), ...failure, outcome: 'failed' };
  }

  #aborted(): ExecutionResult {
    const { signal, timeoutMs } = this.#execution;
    if (signal.aborted) return { ...this.#end(), outcome: 'cancelled', reason: 'the task was taken away' };
    return { ...this.#end(), outcome: 'timed-out', reason: `did not end within ${timeoutMs} ms` };
  }

  #end(): Pick<ExecutionResult, 'exitCode' | 'output' | 'durationMs'> {
    const durationMs = Math.round(performance.now() - this.#begun);
    return { exitCode: undefined, output: this.#progress.text, durationMs };
  }
}

/** What the task asks for, else the instance, else the agent file. */
function maxTurnsOf({ maxTurns, agent }: Execution): number {
  const { maxTurns: ofFile } = agent.extra;
  const isCount = typeof ofFile === 'number' && Number.isSafeInteger(ofFile) && ofFile > 0;
  return maxTurns ?? (isCount ? ofFile : DEFAULT_MAX_TURNS);
}
