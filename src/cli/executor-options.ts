import { InvalidArgumentError, Option } from 'commander';
import { EXECUTOR_NAMES, type ExecutorName } from '../agents/executors/names.ts';
import { MAX_TURNS, MAX_USAGE } from '../protocol/limits.ts';
import { microsOf, type UsageLimits } from '../tasks/usage.ts';
import { parseInteger } from './options.ts';

/** Who does the work, and how. */
export interface ExecutorOptions {
  readonly executor?: ExecutorName;
  readonly model?: string;
  readonly maxTurns?: number;
}

/** What all tasks of a swarm may use up. */
export interface BudgetOptions {
  readonly budgetTokens?: number;
  /** Millionths of a dollar. */
  readonly budgetUsd?: number;
}

export function executorOptions(): Option[] {
  return [
    new Option(
      '--executor <kind>',
      'who does the work: command runs the run: of tasks; the others do prompts too (default: command)',
    ).choices(EXECUTOR_NAMES),
    new Option(
      '--model <model>',
      'alias or id, for tasks that name none (default: what the agent file says)',
    ).argParser(parseModel),
    new Option('--max-turns <n>', 'exchanges with the model in one attempt').argParser(
      parseInteger(1, MAX_TURNS),
    ),
  ];
}

export function budgetOptions(): Option[] {
  return [
    new Option('--budget-usd <amount>', 'no new work once all tasks together have cost so much').argParser(
      parseUsd,
    ),
    new Option('--budget-tokens <n>', 'no new work once all tasks together have used up so much').argParser(
      parseInteger(1, MAX_USAGE),
    ),
  ];
}

export function budgetOf({ budgetTokens, budgetUsd }: BudgetOptions): UsageLimits {
  return {
    ...(budgetTokens === undefined ? {} : { maxTokens: budgetTokens }),
    ...(budgetUsd === undefined ? {} : { maxCostMicros: budgetUsd }),
  };
}

/** Dollars as millionths of one. */
export function parseUsd(text: string): number {
  const micros = /^\d{1,7}(\.\d{1,6})?$/.test(text) ? microsOf(Number(text)) : 0;
  if (micros < 1 || micros > MAX_USAGE) {
    throw new InvalidArgumentError('expected an amount of dollars such as 5 or 0.25');
  }
  return micros;
}

/** A name, and none that could be taken for an option of whatever runs it. */
function parseModel(text: string): string {
  if (/^[A-Za-z0-9][\w.:@/[\]-]{0,127}$/.test(text)) return text;
  throw new InvalidArgumentError('expected the name of a model, such as sonnet');
}
