import { describe, expect, test } from 'vitest';
import { breaks, fails, type Reply, says, silence, stops, use, wants } from '../../claude-api/script.ts';
import { openGarden } from './garden.ts';

describe('an attempt that fails', () => {
  test.each<{ why: string; reply: Reply; code: string; next: string; reason: RegExp }>([
    {
      why: 'too many requests',
      reply: fails(429, 'rate_limit_error'),
      ...{ code: 'RATE_LIMITED', next: 'retry', reason: /as the script has it/ },
    },
    {
      why: 'an overloaded API',
      reply: fails(529, 'overloaded_error'),
      ...{ code: 'OVERLOADED', next: 'retry', reason: /529/ },
    },
    {
      why: 'an API with a fault',
      reply: fails(500, 'api_error'),
      ...{ code: 'OVERLOADED', next: 'retry', reason: /500/ },
    },
    {
      why: 'a gateway that ran out of time',
      reply: fails(504, 'timeout_error'),
      ...{ code: 'MODEL_TIMEOUT', next: 'retry', reason: /504/ },
    },
    { why: 'silence', reply: silence, ...{ code: 'MODEL_TIMEOUT', next: 'retry', reason: /timed out/ } },
    {
      why: 'a key that is not valid',
      reply: fails(401, 'authentication_error'),
      ...{ code: 'API_KEY', next: 'park', reason: /401/ },
    },
    {
      why: 'a key that may not do this',
      reply: fails(403, 'permission_error'),
      ...{ code: 'API_KEY', next: 'park', reason: /403/ },
    },
    {
      why: 'no money in the account',
      reply: fails(402, 'billing_error'),
      ...{ code: 'BILLING', next: 'park', reason: /402/ },
    },
    {
      why: "an account's own limit, which is told as a fault of the request",
      reply: fails(400, 'invalid_request_error', { errorCode: 'enforced_spend_limit_reached' }),
      ...{ code: 'BILLING', next: 'park', reason: /400/ },
    },
    {
      why: 'a limit of spending that looks like too many requests, and does not pass',
      reply: fails(429, 'rate_limit_error', { errorCode: 'contract_spend_limit_reached' }),
      ...{ code: 'BILLING', next: 'park', reason: /429/ },
    },
    {
      why: 'a model that does not exist',
      reply: fails(404, 'not_found_error', { message: 'model: nobody' }),
      ...{ code: 'UNKNOWN_MODEL', next: 'final', reason: /model: nobody/ },
    },
    {
      why: 'a conversation that is too long',
      reply: fails(400, 'invalid_request_error', { message: 'prompt is too long: 1000001 tokens > 1000000' }),
      ...{ code: 'CONTEXT_FULL', next: 'final', reason: /too long/ },
    },
    {
      why: 'a request that is too large',
      reply: fails(413, 'request_too_large'),
      ...{ code: 'CONTEXT_FULL', next: 'final', reason: /413/ },
    },
    {
      why: 'a request that the API does not take',
      reply: fails(400, 'invalid_request_error'),
      ...{ code: 'BAD_REQUEST', next: 'final', reason: /400/ },
    },
    {
      why: 'a refusal',
      reply: stops('refusal', 'I can', 'this could do harm'),
      ...{ code: 'REFUSED', next: 'final', reason: /^the model refuses: this could do harm$/ },
    },
    {
      why: 'an answer that is too long',
      reply: stops('max_tokens'),
      ...{ code: 'MAX_TOKENS', next: 'retry', reason: /longer than one answer/ },
    },
    {
      why: 'a model that can read no more',
      reply: stops('model_context_window_exceeded'),
      ...{ code: 'CONTEXT_FULL', next: 'final', reason: /outgrown/ },
    },
  ])('by $why is named', async ({ reply, code, next, reason }) => {
    const patience = reply === silence ? { requestTimeoutMs: 200 } : {};
    const garden = await openGarden([reply], { maxRetries: 0, ...patience });
    const result = await garden.work();
    expect(result).toMatchObject({ outcome: 'failed', code, next });
    expect(result.reason).toMatch(reason);
  });

  test('because nobody is there is named, and tried again', async () => {
    const environment = { ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' };
    const garden = await openGarden([], { maxRetries: 0, environment });
    expect(await garden.work()).toMatchObject({ outcome: 'failed', code: 'UNREACHABLE', next: 'retry' });
  });

  test('by its turns says so, and can be gone on with', async () => {
    const look = () => wants(use('Glob', { pattern: '*' }));
    const garden = await openGarden([look(), look(), says('done')]);
    expect(await garden.work({ maxTurns: 2 })).toMatchObject({
      outcome: 'failed',
      code: 'MAX_TURNS',
      next: 'park',
      usage: { turns: 2 },
    });
    expect(await garden.work({ maxTurns: 2, attempt: 2 })).toMatchObject({
      outcome: 'completed',
      output: 'done',
    });
  });
});

describe('the SDK', () => {
  test('tries again as long as the API asks it to, and after as long as it asks', async () => {
    const wait = { headers: { 'retry-after-ms': '1' } };
    const garden = await openGarden([
      fails(429, 'rate_limit_error', wait),
      fails(529, 'overloaded_error', wait),
      fails(500, 'api_error', wait),
      says('at last'),
    ]);
    expect(await garden.work()).toMatchObject({
      outcome: 'completed',
      output: 'at last',
      usage: { turns: 1 },
    });
    const counts = garden.api.requests.map(({ headers }) => headers['x-stainless-retry-count']);
    expect(counts).toEqual(['0', '1', '2', '3']);
  });

  test('gives up after so many times', async () => {
    const busy = () => fails(529, 'overloaded_error', { headers: { 'retry-after-ms': '1' } });
    const garden = await openGarden([busy(), busy(), busy()], { maxRetries: 2 });
    expect(await garden.work()).toMatchObject({ code: 'OVERLOADED', next: 'retry' });
    expect(garden.api.stepsLeft).toBe(0);
  });
});

describe('an answer that breaks off', () => {
  const ways: { why: string; reply: () => Reply; code: string; idleTimeoutMs?: number }[] = [
    { why: 'it is cut', reply: () => breaks('is cut'), code: 'BROKEN_ANSWER' },
    { why: 'it ends early', reply: () => breaks('ends early'), code: 'BROKEN_ANSWER' },
    { why: 'it turns to garbage', reply: () => breaks('turns to garbage'), code: 'BROKEN_ANSWER' },
    { why: 'it falls silent', reply: () => breaks('hangs'), code: 'MODEL_TIMEOUT', idleTimeoutMs: 300 },
    {
      why: 'the API is overloaded meanwhile',
      reply: () => breaks({ error: 'overloaded_error', message: 'Overloaded' }),
      code: 'OVERLOADED',
    },
    {
      why: 'the API stumbles',
      reply: () => breaks({ error: 'api_error', message: 'Internal' }),
      code: 'OVERLOADED',
    },
  ];

  test.each(ways)('because $why is asked for again', async ({ reply, idleTimeoutMs }) => {
    const garden = await openGarden(
      [reply(), says('whole')],
      idleTimeoutMs === undefined ? {} : { idleTimeoutMs },
    );
    expect(await garden.work()).toMatchObject({
      outcome: 'completed',
      output: 'whole',
      // What was told of the broken one was paid for all the same.
      usage: { turns: 1, inputTokens: 20, outputTokens: 6 },
    });
  });

  test.each(ways)('again and again because $why ends the attempt', async ({ reply, code, idleTimeoutMs }) => {
    const patience = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
    const garden = await openGarden([reply(), reply(), reply()], patience);
    expect(await garden.work()).toMatchObject({
      outcome: 'failed',
      code,
      next: 'retry',
      usage: { turns: 0 },
    });
  });

  test('because it is not wanted ends the attempt at once', async () => {
    const garden = await openGarden([breaks({ error: 'invalid_request_error', message: 'no' })]);
    expect(await garden.work()).toMatchObject({ outcome: 'failed', code: 'BAD_REQUEST', next: 'final' });
  });
});
