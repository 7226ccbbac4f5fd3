import { setTimeout as delay } from 'node:timers/promises';
import type { Message, ToolResultBlockParam } from '@anthropic-ai/sdk/resources/messages';
import { addUsage, exhaustion, NO_USAGE, tokensOf, type Usage } from '../../../tasks/usage.ts';
import type { Execution } from '../port.ts';
import {
  type Conversation,
  encodeConversation,
  hasThoughts,
  resultOf,
  withoutThoughts,
  withTurn,
} from './conversation.ts';
import type { ModelAnswer, ModelClient } from './model-client.ts';
import { type Failure, failureIn, outOfBudget, outOfTurns } from './outcomes.ts';
import { callInWords } from './progress.ts';
import type { SeenFiles } from './tools/seen-files.ts';
import type { AgentTool, ToolOutcome } from './tools/tool.ts';
import { addTurn } from './turn-usage.ts';

/** Of one answer: room for a large file, and within what every current model may say. */
const MAX_ANSWER_TOKENS = 32_000;

/** Times that an answer which broke off in the middle is asked for again: the SDK tries only those anew that never began. */
const MAX_BROKEN_ANSWERS = 2;

export interface LoopOptions {
  readonly execution: Pick<Execution, 'taskId' | 'budget' | 'checkpoint'>;
  readonly client: Pick<ModelClient, 'ask'>;
  readonly model: string;
  readonly system: string;
  readonly tools: readonly AgentTool[];
  readonly seen: SeenFiles;
  readonly maxTurns: number;
  /** Aborted when the work must end at once. */
  readonly signal: AbortSignal;
  /** Before a broken answer is asked for again; twice as long each time. */
  readonly pauseMs: number;
  tell(text: string): void;
}

export type LoopEnd =
  | { readonly kind: 'done'; readonly answer: string }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** One task: the model is asked, its tools are run, the turn is saved, until it says that it is done. */
export class AgentLoop {
  readonly #options: LoopOptions;
  #conversation: Conversation;
  #usage = NO_USAGE;
  #lastText = '';

  constructor(options: LoopOptions, conversation: Conversation) {
    this.#options = options;
    this.#conversation = conversation;
  }

  /** What this attempt has used up, also when it was broken off. */
  get usage(): Usage {
    return this.#usage;
  }

  /** @throws whatever the signal was aborted with; SwarmError when the lease is lost, or the budget used up. */
  async run(): Promise<LoopEnd> {
    const { maxTurns } = this.#options;
    while (this.#usage.turns < maxTurns) {
      const end = await this.#turn();
      if (end !== undefined) return end;
    }
    return { kind: 'failed', failure: outOfTurns(maxTurns) };
  }

  /** Undefined: the work goes on. */
  async #turn(): Promise<LoopEnd | undefined> {
    const exhausted = this.#exhaustion();
    if (exhausted !== undefined) return { kind: 'failed', failure: outOfBudget(exhausted) };
    const answer = await this.#ask();
    if (answer.kind === 'failed') return answer;
    const { message } = answer;
    const text = textOf(message);
    if (text !== '') this.#lastText = text;
    const failure = this.#failureIn(message);
    if (failure !== undefined) return { kind: 'failed', failure };
    const results = await this.#runTools(message);
    const goesOn = results.length > 0 || message.stop_reason === 'pause_turn';
    if (!goesOn) return { kind: 'done', answer: this.#lastText };
    await this.#save(message, results);
    return undefined;
  }

  async #ask(): Promise<Extract<ModelAnswer, { kind: 'answered' }> | Extract<LoopEnd, { kind: 'failed' }>> {
    const { signal, pauseMs, tell } = this.#options;
    for (let broken = 0; ; ) {
      const answer = await this.#request();
      signal.throwIfAborted();
      this.#count(answer);
      if (answer.kind === 'answered') return answer;
      const { failure, stage } = answer;
      if (failure.code === 'BAD_REQUEST' && hasThoughts(this.#conversation)) {
        // Thoughts of an earlier attempt, from an account that this one has nothing to do with, are the likeliest fault.
        tell('the request was refused; trying again without earlier thoughts\n');
        this.#conversation = withoutThoughts(this.#conversation);
      } else if (stage === 'refused' || failure.next !== 'retry' || broken >= MAX_BROKEN_ANSWERS) {
        return { kind: 'failed', failure };
      } else {
        tell(`${failure.reason}; asking again\n`);
        await delay(pauseMs * 2 ** broken++, undefined, { signal });
      }
    }
  }

  #request(): Promise<ModelAnswer> {
    const { client, model, system, tools, signal, tell } = this.#options;
    return client.ask(
      {
        model,
        system,
        tools: tools.map(({ declaration }) => declaration),
        messages: this.#conversation.messages,
        maxTokens: this.#room(),
      },
      { signal, onText: tell },
    );
  }

  #count(answer: ModelAnswer): void {
    if (answer.usage === undefined) return;
    const turns = answer.kind === 'answered' ? 1 : 0;
    this.#usage = addTurn(this.#usage, { model: this.#options.model, usage: answer.usage, turns });
  }

  #failureIn(message: Message): Failure | undefined {
    const failure = failureIn(message);
    const exhausted = failure?.code === 'MAX_TOKENS' ? this.#exhaustion() : undefined;
    // It had no more room because there was no more money for it.
    return exhausted === undefined ? failure : outOfBudget(exhausted);
  }

  /** Which limit of the task's budget is reached, in words. */
  #exhaustion(): string | undefined {
    const { budget } = this.#options.execution;
    return exhaustion(addUsage(budget.spent, this.#usage), budget);
  }

  /** No answer may be longer than the budget has tokens for. */
  #room(): number {
    const { maxTokens, spent } = this.#options.execution.budget;
    if (maxTokens == null) return MAX_ANSWER_TOKENS;
    return Math.max(1, Math.min(MAX_ANSWER_TOKENS, maxTokens - tokensOf(addUsage(spent, this.#usage))));
  }

  /** One after the other, in the order in which the model wants them: one may need what another did. */
  async #runTools({ content }: Message): Promise<readonly ToolResultBlockParam[]> {
    const { execution, signal, tell } = this.#options;
    const turn = this.#conversation.turns + 1;
    const results: ToolResultBlockParam[] = [];
    for (const call of content) {
      if (call.type !== 'tool_use') continue;
      signal.throwIfAborted();
      tell(`${callInWords(call)}\n`);
      const key = `${execution.taskId}/${turn}/${results.length}`;
      results.push(resultOf(call, await this.#runTool(call, key)));
    }
    return results;
  }

  async #runTool(
    call: { readonly name: string; readonly input: unknown },
    key: string,
  ): Promise<ToolOutcome> {
    const { tools, signal, tell } = this.#options;
    const tool = tools.find(({ name }) => name === call.name);
    if (tool === undefined) return { kind: 'refused', text: `there is no tool ${call.name} here` };
    const outcome = await tool.call(call.input, { key, signal });
    if (outcome.kind === 'refused') tell(`  ${outcome.text.split('\n')[0] ?? ''}\n`);
    return outcome;
  }

  async #save({ content }: Message, results: readonly ToolResultBlockParam[]): Promise<void> {
    const { execution, seen, signal } = this.#options;
    this.#conversation = withTurn(this.#conversation, { content, results, seen: seen.toJSON() });
    signal.throwIfAborted();
    await execution.checkpoint.save({
      turn: this.#conversation.turns,
      usage: this.#usage,
      state: encodeConversation(this.#conversation),
    });
    signal.throwIfAborted();
  }
}

function textOf({ content }: Message): string {
  return content
    .flatMap((block) => (block.type === 'text' ? block.text : []))
    .join('\n')
    .trim();
}
