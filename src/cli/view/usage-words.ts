import { tokensOf, type Usage, usdText } from '../../tasks/usage.ts';

/** `3 turns, 12034 tokens, $0.1200`. */
export function usageWords(usage: Usage): string {
  const turns = usage.turns === 1 ? '1 turn' : `${usage.turns} turns`;
  return `${turns}, ${tokensOf(usage)} tokens, ${usdText(usage.costMicros)}`;
}
