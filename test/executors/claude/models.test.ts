import { describe, expect, test } from 'vitest';
import { costOf, hasPrice, modelOf, thinksAdaptively } from '../../../src/agents/executors/claude/models.ts';
import type { Execution } from '../../../src/agents/executors/port.ts';
import { NO_USAGE } from '../../../src/tasks/usage.ts';
import { fails, says, stops, use, wants } from '../../claude-api/script.ts';
import { agentWith, openGarden } from './garden.ts';

describe('a model', () => {
  test.each<{
    why: string;
    wanted?: string;
    ofFile?: string[];
    environment?: Record<string, string>;
    id: string;
  }>([
    { why: 'that nobody names', id: 'claude-sonnet-5-5' },
    { why: 'by an alias', wanted: 'opus', id: 'claude-opus-5-5' },
    { why: 'by an alias in any case', wanted: 'Haiku', id: 'claude-haiku-5-5' },
    { why: 'by an alias with a mark for its context', wanted: 'sonnet[1m]', id: 'claude-sonnet-5-5' },
    { why: 'by its id', wanted: 'claude-opus-4-8', id: 'claude-opus-4-8' },
    { why: 'that we do not know', wanted: 'some-gateway/model', id: 'some-gateway/model' },
    { why: 'of the agent file', ofFile: ['haiku', 'opus'], id: 'claude-haiku-5-5' },
    {
      why: 'of the task before that of the agent file',
      wanted: 'opus',
      ofFile: ['haiku'],
      id: 'claude-opus-5-5',
    },
    {
      why: 'that is inherited from a user',
      ofFile: ['inherit'],
      environment: { ANTHROPIC_MODEL: 'opus' },
      id: 'claude-opus-5-5',
    },
    { why: 'that is inherited from nobody', ofFile: ['inherit'], id: 'claude-sonnet-5-5' },
    {
      why: 'of the agent file where the instance leaves it open',
      wanted: 'inherit',
      ofFile: ['opus'],
      id: 'claude-opus-5-5',
    },
    {
      why: 'by an alias that a user has given another meaning',
      wanted: 'opus',
      environment: { ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-opus-4-8' },
      id: 'claude-opus-4-8',
    },
  ])('$why', ({ wanted, ofFile = [], environment = {}, id }) => {
    expect(modelOf(wanted, { model: ofFile }, environment)).toBe(id);
  });

  test('has a price and habits, with and without a date in its name', () => {
    expect(hasPrice('claude-haiku-4-5-20251001')).toBe(true);
    expect(hasPrice('some-gateway/model')).toBe(false);
    expect(thinksAdaptively('claude-opus-5-5')).toBe(true);
    expect(thinksAdaptively('claude-haiku-4-5')).toBe(false);
    expect(thinksAdaptively('some-gateway/model')).toBe(false);
  });
});

describe('the cost of a request', () => {
  const NOTHING = {
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    isUsOnly: false,
  };

  test.each([
    { why: 'of nothing', model: 'claude-opus-5-5', usage: {}, micros: 0 },
    {
      why: 'of a million tokens each',
      model: 'claude-opus-5-5',
      usage: { inputTokens: 1e6, outputTokens: 1e6 },
      micros: 24_000_000,
    },
    {
      why: 'of what the cache has',
      model: 'claude-opus-5-5',
      usage: { cacheReadTokens: 1e6 },
      micros: 200_000,
    },
    {
      why: 'of what the cache gets',
      model: 'claude-sonnet-5-5',
      usage: { cacheWriteTokens: 1e6 },
      micros: 2_500_000,
    },
    { why: 'rounded up', model: 'claude-haiku-5-5', usage: { inputTokens: 1 }, micros: 1 },
    {
      why: 'not rounded up by the computer',
      model: 'claude-haiku-5-5',
      usage: { inputTokens: 30, outputTokens: 4 },
      micros: 5,
    },
    {
      why: 'of a prompt that is just short',
      model: 'claude-haiku-5-5',
      usage: { inputTokens: 100_000 },
      micros: 10_000,
    },
    {
      why: 'of a long prompt, on every token',
      model: 'claude-haiku-5-5',
      usage: { inputTokens: 1, cacheReadTokens: 100_000, outputTokens: 10 },
      micros: 5_026,
    },
    {
      why: 'bound to a country',
      model: 'claude-sonnet-5-5',
      usage: { inputTokens: 1_000, isUsOnly: true },
      micros: 2_200,
    },
    { why: 'that nobody knows', model: 'some-gateway/model', usage: { inputTokens: 1e6 }, micros: 0 },
  ])('$why', ({ model, usage, micros }) => {
    expect(costOf(model, { ...NOTHING, ...usage })).toBe(micros);
  });

  test('is told by the API, from the caches too', async () => {
    const usage = {
      ...{
        input_tokens: 100,
        output_tokens: 50,
        cache_read_input_tokens: 2_000,
        cache_creation_input_tokens: 300,
      },
      inference_geo: 'us',
    };
    const garden = await openGarden([says('done', usage)]);
    expect((await garden.work({ model: 'sonnet' })).usage).toEqual({
      turns: 1,
      inputTokens: 100,
      outputTokens: 50,
      cacheReadTokens: 2_000,
      cacheWriteTokens: 300,
      // 200 + 500 + 200 + 750, and a tenth more.
      costMicros: 1_815,
    });
  });
});

describe('a budget', () => {
  const look = () => wants(use('Glob', { pattern: '*' }));

  test('of tokens ends the work when it is used up', async () => {
    const garden = await openGarden([look(), look()]);
    const budget = { maxTokens: 30, spent: NO_USAGE };
    expect(await garden.work({ budget })).toMatchObject({
      outcome: 'failed',
      code: 'BUDGET',
      next: 'park',
      reason: '30 of 30 tokens are used up',
      usage: { turns: 2 },
    });
  });

  test('counts what earlier attempts have spent', async () => {
    const garden = await openGarden([look()]);
    const budget = { maxCostMicros: 100, spent: { ...NO_USAGE, costMicros: 50 } };
    expect(await garden.work({ budget })).toMatchObject({
      code: 'BUDGET',
      usage: { turns: 1, costMicros: 70 },
    });
  });

  test('does not spoil work that was done with the last of it', async () => {
    const garden = await openGarden([says('done')]);
    const budget = { maxTokens: 15, spent: NO_USAGE };
    expect(await garden.work({ budget })).toMatchObject({ outcome: 'completed' });
  });

  test('bounds every answer by what is left of it, and is named where that is too little', async () => {
    const garden = await openGarden([look(), stops('max_tokens')]);
    const budget = { maxTokens: 30, spent: NO_USAGE };
    expect(await garden.work({ budget })).toMatchObject({ code: 'BUDGET', next: 'park' });
    expect(garden.api.requests.map(({ body }) => body.max_tokens)).toEqual([30, 15]);
  });

  test.each<{ why: string; changed: Partial<Execution>; reason: string }>([
    {
      why: 'of the task',
      changed: { budget: { maxCostMicros: 1_000_000, spent: NO_USAGE } },
      reason: 'the task has a budget in money, and the price of the model some-gateway/model is not known',
    },
    {
      why: 'of the swarm',
      changed: { swarmBudget: { maxCostMicros: 1_000_000 } },
      reason: 'the swarm has a budget in money, and the price of the model some-gateway/model is not known',
    },
  ])('in money $why is refused where nobody knows the price', async ({ changed, reason }) => {
    const garden = await openGarden([]);
    expect(await garden.work({ ...changed, model: 'some-gateway/model' })).toMatchObject({
      code: 'UNKNOWN_PRICE',
      next: 'park',
      reason: expect.stringContaining(reason),
    });
    expect(garden.api.requests).toEqual([]);
  });

  test('of the swarm that was lifted is no budget', async () => {
    const garden = await openGarden([says('done')]);
    const changed = { swarmBudget: { maxCostMicros: null }, model: 'some-gateway/model' };
    expect(await garden.work(changed)).toMatchObject({ outcome: 'completed' });
  });

  test('in tokens is held with any model, of which nothing is asked that it might not know', async () => {
    const garden = await openGarden([says('done')]);
    const budget = { maxTokens: 1_000_000, spent: NO_USAGE };
    expect(await garden.work({ budget, model: 'some-gateway/model' })).toMatchObject({
      outcome: 'completed',
      usage: { costMicros: 0 },
    });
    expect(garden.api.requests[0]?.body).toMatchObject({ model: 'some-gateway/model', max_tokens: 32_000 });
    expect(garden.api.requests[0]?.body).not.toHaveProperty('thinking');
    expect(garden.told()).toContain('the price of some-gateway/model is not known; its cost counts as 0');
  });
});

describe('turns', () => {
  const look = () => wants(use('Glob', { pattern: '*' }));

  test.each([
    { why: 'the task', changed: { maxTurns: 1, agent: agentWith('maxTurns: 3') } },
    { why: 'the agent file', changed: { agent: agentWith('maxTurns: 1') } },
  ])('are bounded by $why', async ({ changed }) => {
    const garden = await openGarden([look(), fails(401, 'x')]);
    expect(await garden.work(changed)).toMatchObject({ code: 'MAX_TURNS', usage: { turns: 1 } });
  });
});
