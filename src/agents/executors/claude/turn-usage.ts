import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { addUsage, type Usage } from '../../../tasks/usage.ts';
import { costOf, type TurnUsage } from './models.ts';

/** Of a message that is complete, or has come as far as it has: then what it has told so far. */
export function turnUsageOf({ usage }: Pick<Message, 'usage'>): TurnUsage {
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
    isUsOnly: usage.inference_geo === 'us',
  };
}

/** `before` and one more request. `turns`: 0 when it came to nothing, and was paid for all the same. */
export function addTurn(
  before: Usage,
  request: { readonly model: string; readonly usage: TurnUsage; readonly turns: 0 | 1 },
): Usage {
  const { isUsOnly: _place, ...tokens } = request.usage;
  const costMicros = costOf(request.model, request.usage);
  return addUsage(before, { turns: request.turns, ...tokens, costMicros });
}
