import { describe, expect, test } from 'vitest';
import { readEvent } from '../../../src/agents/executors/claude-code/events.ts';
import { verdictOf } from '../../../src/agents/executors/claude-code/outcome.ts';
import { Transcript } from '../../../src/agents/executors/claude-code/transcript.ts';
import type { ProgramResult } from '../../../src/shell/program.ts';
import { line, type Step } from './stand-in.ts';

const EXITED: ProgramResult = {
  end: { kind: 'exited', exitCode: 1 },
  stdout: '',
  stderr: '',
  output: '',
  durationMs: 5,
};

function verdict(steps: readonly Step[], run: Partial<ProgramResult> = {}): object {
  const transcript = new Transcript();
  for (const step of steps) {
    const event = 'line' in step ? readEvent(JSON.stringify(step.line)) : undefined;
    if (event !== undefined) transcript.add(event);
  }
  return verdictOf(
    { ...EXITED, ...run },
    { transcript, stop: undefined, exhausted: undefined, timeoutMs: 10 },
  );
}

const apiError = (text: string, changed: object = {}): Step =>
  line.result({ is_error: true, result: text, ...changed });

describe('how the client ended', () => {
  test.each<{ why: string; steps: readonly Step[]; is: object }>([
    {
      why: 'turns used up',
      steps: [line.result({ subtype: 'error_max_turns', is_error: true, result: undefined })],
      is: { code: 'MAX_TURNS', next: 'park', reason: 'claude: error_max_turns' },
    },
    {
      why: 'money used up',
      steps: [
        line.result({
          subtype: 'error_max_budget_usd',
          is_error: true,
          errors: ['Reached maximum budget ($1)'],
        }),
      ],
      is: { code: 'BUDGET', next: 'park', reason: 'claude: Reached maximum budget ($1)' },
    },
    {
      why: 'a refusal',
      steps: [line.result({ stop_reason: 'refusal', result: 'I cannot help with that.' })],
      is: { code: 'REFUSED', next: 'final', reason: 'claude: I cannot help with that.' },
    },
    {
      why: 'a refusal that only the message tells of',
      steps: [
        line.said('m', [], { message: { id: 'm', content: [], stop_reason: 'refusal' } }),
        line.result(),
      ],
      is: { code: 'REFUSED', next: 'final' },
    },
    {
      why: 'a limit on requests, by its name',
      steps: [line.said('m', [line.text('…')], { error: 'rate_limit' }), apiError("You've reached it")],
      is: { code: 'RATE_LIMITED', next: 'retry' },
    },
    {
      why: 'a limit on requests, by its status',
      steps: [apiError('so it goes', { api_error_status: 429 })],
      is: { code: 'RATE_LIMITED', next: 'retry' },
    },
    {
      why: 'a limit on requests, by its words',
      steps: [apiError('Claude AI usage limit reached|1760000000')],
      is: { code: 'RATE_LIMITED', next: 'retry' },
    },
    {
      why: 'overload',
      steps: [apiError('API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}')],
      is: { code: 'OVERLOADED', next: 'retry' },
    },
    {
      why: 'a server that fails',
      steps: [apiError('API Error: 500 oh')],
      is: { code: 'OVERLOADED', next: 'retry' },
    },
    {
      why: 'a model that is silent',
      steps: [apiError('Request timed out.')],
      is: { code: 'MODEL_TIMEOUT', next: 'retry' },
    },
    {
      why: 'a key that is not valid',
      steps: [
        line.said('m', [], { error: 'authentication_failed' }),
        apiError('Invalid API key · Fix external API key'),
      ],
      is: { code: 'API_KEY', next: 'park' },
    },
    {
      why: 'an account without money',
      steps: [apiError('Credit balance is too low')],
      is: { code: 'API_KEY', next: 'park' },
    },
    {
      why: 'a model that does not exist: once more is no use',
      steps: [line.said('m', [], { error: 'model_not_found' }), apiError('There is an issue with the model')],
      is: { code: undefined, next: 'final' },
    },
    {
      why: 'anything else',
      steps: [
        line.result({
          subtype: 'error_during_execution',
          is_error: true,
          errors: ['one', 'two'],
          result: undefined,
        }),
      ],
      is: { code: undefined, next: 'retry', reason: 'claude: one; two' },
    },
    {
      why: 'a name that objects have by themselves',
      steps: [
        line.said('m', [], { error: 'constructor' }),
        line.result({ subtype: 'toString', is_error: true }),
      ],
      is: { code: undefined, next: 'retry' },
    },
  ])('$why', ({ steps, is }) => {
    const { code, next, ...rest } = { code: undefined, next: undefined, ...verdict(steps) };
    expect({ code, next, ...rest }).toMatchObject({ outcome: 'failed', exitCode: 1, ...is });
  });

  test('a request that failed and was tried again is none', () => {
    const steps = [
      line.said('m1', [], { error: 'rate_limit' }),
      line.said('m2', [line.text('done')]),
      line.result(),
    ];
    expect(verdict(steps, { end: { kind: 'exited', exitCode: 0 } })).toEqual({
      outcome: 'completed',
      exitCode: 0,
      reason: undefined,
    });
  });

  test('a long explanation is cut', () => {
    const { reason } = verdict([apiError('x'.repeat(10_000))]) as { reason: string };
    expect(reason).toHaveLength('claude: '.length + 500);
  });
});
