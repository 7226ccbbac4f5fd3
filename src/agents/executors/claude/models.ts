import type { AgentDefinition } from '../../definition.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Millionths of a dollar for one token: the same number as dollars for a million of them. */
interface Rates {
  readonly input: number;
  readonly output: number;
  /** Into the cache for five minutes, which is all that we ask for. */
  readonly cacheWrite: number;
  readonly cacheRead: number;
}

/** What one request has used up. */
export interface TurnUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** The request was bound to be worked on in the United States, which has its price. */
  readonly isUsOnly: boolean;
}

interface KnownModel {
  readonly rates: Rates;
  /** For every token of a request whose prompt is longer than `LONG_PROMPT_TOKENS`, where that costs more. */
  readonly longPromptRates?: Rates;
  /** Decides itself how much to think, and tells it in summaries when asked to. */
  readonly thinking: 'adaptive' | 'none';
}

const LONG_PROMPT_TOKENS = 100_000;

/** Inference that is bound to the United States costs this much more. */
const US_ONLY_FACTOR = 1.1;

const OLD_OPUS: KnownModel = {
  rates: { input: 5, output: 25, cacheWrite: 6.25, cacheRead: 0.5 },
  thinking: 'adaptive',
};
const OLD_SONNET: KnownModel = {
  rates: { input: 3, output: 15, cacheWrite: 3.75, cacheRead: 0.3 },
  thinking: 'adaptive',
};
const FABLE_RATES: Rates = { input: 10, output: 50, cacheWrite: 12.5, cacheRead: 1 };

/** List prices of November 2026, by id without its date. */
const KNOWN: ReadonlyMap<string, KnownModel> = new Map<string, KnownModel>([
  [
    'claude-opus-5-5',
    { rates: { input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 }, thinking: 'adaptive' },
  ],
  [
    'claude-sonnet-5-5',
    { rates: { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 }, thinking: 'adaptive' },
  ],
  [
    'claude-haiku-5-5',
    {
      rates: { input: 0.1, output: 0.5, cacheWrite: 0.125, cacheRead: 0.01 },
      longPromptRates: { input: 0.5, output: 2.5, cacheWrite: 0.625, cacheRead: 0.05 },
      thinking: 'adaptive',
    },
  ],
  ['claude-fable-5-1', { rates: { ...FABLE_RATES, cacheRead: 0.25 }, thinking: 'adaptive' }],
  ['claude-fable-5', { rates: FABLE_RATES, thinking: 'adaptive' }],
  ['claude-opus-5', OLD_OPUS],
  ['claude-opus-4-8', OLD_OPUS],
  ['claude-opus-4-7', OLD_OPUS],
  ['claude-opus-4-6', OLD_OPUS],
  ['claude-opus-4-5', { ...OLD_OPUS, thinking: 'none' }],
  [
    'claude-sonnet-5',
    { rates: { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.2 }, thinking: 'adaptive' },
  ],
  ['claude-sonnet-4-6', OLD_SONNET],
  ['claude-sonnet-4-5', { ...OLD_SONNET, thinking: 'none' }],
  [
    'claude-haiku-4-5',
    { rates: { input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 }, thinking: 'none' },
  ],
]);

/** What an alias stands for, and the variable by which a user may say otherwise; the variables are Claude Code's. */
const ALIASES: ReadonlyMap<string, { readonly id: string; readonly variable: string }> = new Map([
  ['opus', { id: 'claude-opus-5-5', variable: 'ANTHROPIC_DEFAULT_OPUS_MODEL' }],
  ['sonnet', { id: 'claude-sonnet-5-5', variable: 'ANTHROPIC_DEFAULT_SONNET_MODEL' }],
  ['haiku', { id: 'claude-haiku-5-5', variable: 'ANTHROPIC_DEFAULT_HAIKU_MODEL' }],
]);

/** Of whoever asks for none, and of `inherit`: there is no session here to inherit from. */
const DEFAULT_ALIAS = 'sonnet';

/**
 * The id to ask the API for. `wanted`: what the task or the instance says; else the agent file, else `ANTHROPIC_MODEL`.
 * What is no alias passes through: the API knows best which models there are.
 */
export function modelOf(
  wanted: string | undefined,
  { model }: Pick<AgentDefinition, 'model'>,
  environment: Environment,
): string {
  const named = [wanted, model[0]].find((name) => !isOpen(name));
  return resolveAlias(named ?? (environment.ANTHROPIC_MODEL || DEFAULT_ALIAS), environment);
}

function isOpen(name: string | undefined): boolean {
  return name === undefined || name === '' || name === 'inherit' || name === 'default';
}

function resolveAlias(name: string, environment: Environment): string {
  // Claude Code marks a longer context so; the models that have one need no mark here.
  const plain = name.replace(/\[1m\]$/i, '');
  const alias = ALIASES.get(plain.toLowerCase());
  return alias === undefined ? plain : environment[alias.variable] || alias.id;
}

function known(model: string): KnownModel | undefined {
  return KNOWN.get(model.replace(/-\d{8}$/, ''));
}

export function hasPrice(model: string): boolean {
  return known(model) !== undefined;
}

/** Whether the model takes `thinking: adaptive`. Of a model that we do not know we ask nothing that it might refuse. */
export function thinksAdaptively(model: string): boolean {
  return known(model)?.thinking === 'adaptive';
}

/** What a request has cost, in millionths of a dollar, rounded up; 0 where the price is not known. */
export function costOf(model: string, usage: TurnUsage): number {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, isUsOnly } = usage;
  const found = known(model);
  if (found === undefined) return 0;
  const isLong = inputTokens + cacheReadTokens + cacheWriteTokens > LONG_PROMPT_TOKENS;
  const rates = isLong ? (found.longPromptRates ?? found.rates) : found.rates;
  const micros =
    inputTokens * rates.input +
    outputTokens * rates.output +
    cacheReadTokens * rates.cacheRead +
    cacheWriteTokens * rates.cacheWrite;
  // Binary fractions of decimal prices: a millionth too much must not round up to a whole.
  return Math.ceil(Number((micros * (isUsOnly ? US_ONLY_FACTOR : 1)).toFixed(6)));
}
