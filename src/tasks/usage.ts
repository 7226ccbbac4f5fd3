/** What a model has used up. Whole numbers; of one attempt they only ever grow. */
export interface Usage {
  /** Completed exchanges with the model. */
  readonly turns: number;
  /** Read afresh: neither from a cache nor into one. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Millionths of a US dollar, as the executor reckons them; 0 where it knows no price. */
  readonly costMicros: number;
}

/** How much may be used up. What is absent, null or 0 is not bounded. */
export interface UsageLimits {
  readonly maxTokens?: number | null;
  readonly maxCostMicros?: number | null;
}

export const NO_USAGE: Usage = {
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costMicros: 0,
};

const MICROS_PER_USD = 1_000_000;

/** Rounded up: a budget is never larger than it looks, and a cost never smaller. */
export function microsOf(usd: number): number {
  return Math.ceil(Number((usd * MICROS_PER_USD).toFixed(3)));
}

export function usdOf(micros: number): number {
  return micros / MICROS_PER_USD;
}

/** Every token counts for a budget, from whatever cache it came; what differs is their price. */
export function tokensOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number {
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

/** Those of which something is said: null says that there is no limit any more, which is not the same as silence. */
export function limitsOf({ maxTokens, maxCostMicros }: UsageLimits): UsageLimits {
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(maxCostMicros === undefined ? {} : { maxCostMicros }),
  };
}

export function hasLimits({ maxTokens, maxCostMicros }: UsageLimits): boolean {
  return maxTokens !== undefined || maxCostMicros !== undefined;
}

export function addUsage(one: Usage, other: Usage): Usage {
  return combined(one, other, (a, b) => a + b);
}

/** What came between two readings of one meter. A meter that was set back has counted nothing. */
export function usageSince(earlier: Usage, later: Usage): Usage {
  return combined(earlier, later, (a, b) => Math.max(0, b - a));
}

/** The further of two readings of one meter, count by count. */
export function furthest(one: Usage, other: Usage): Usage {
  return combined(one, other, Math.max);
}

/** Which limit is reached, in words; undefined while there is something left. */
export function exhaustion(usage: Usage, { maxTokens, maxCostMicros }: UsageLimits): string | undefined {
  if (isBound(maxTokens) && tokensOf(usage) >= maxTokens) {
    return `${tokensOf(usage)} of ${maxTokens} tokens are used up`;
  }
  if (isBound(maxCostMicros) && usage.costMicros >= maxCostMicros) {
    return `${usdText(usage.costMicros)} of ${usdText(maxCostMicros)} are spent`;
  }
  return undefined;
}

export function isBound(limit: number | null | undefined): limit is number {
  return limit != null && limit > 0;
}

/** `$1.50`; four digits below a dollar, where cents would hide most of it. */
export function usdText(micros: number): string {
  return `$${usdOf(micros).toFixed(micros > 0 && micros < MICROS_PER_USD ? 4 : 2)}`;
}

/** One order of fields, wherever a usage was made: it is folded into hashes. */
function combined(one: Usage, other: Usage, how: (a: number, b: number) => number): Usage {
  return {
    turns: how(one.turns, other.turns),
    inputTokens: how(one.inputTokens, other.inputTokens),
    outputTokens: how(one.outputTokens, other.outputTokens),
    cacheReadTokens: how(one.cacheReadTokens, other.cacheReadTokens),
    cacheWriteTokens: how(one.cacheWriteTokens, other.cacheWriteTokens),
    costMicros: how(one.costMicros, other.costMicros),
  };
}
