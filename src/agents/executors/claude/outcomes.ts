import Anthropic from '@anthropic-ai/sdk';
import type { Message, StopReason } from '@anthropic-ai/sdk/resources/messages';
import { clip } from '../../../tasks/clip.ts';
import type { ExecutionResult } from '../port.ts';

/** How an attempt comes to an end without its work being done. */
export interface Failure extends Required<Pick<ExecutionResult, 'code' | 'next'>> {
  /** In words, for people. */
  readonly reason: string;
}

type Verdict = Pick<Failure, 'code' | 'next'>;

/** Of what the API says went wrong, as much as a record needs. */
const MAX_REASON_CHARS = 500;

const API_KEY: Verdict = { code: 'API_KEY', next: 'park' };
const BILLING: Verdict = { code: 'BILLING', next: 'park' };
const RATE_LIMITED: Verdict = { code: 'RATE_LIMITED', next: 'retry' };
const OVERLOADED: Verdict = { code: 'OVERLOADED', next: 'retry' };
const MODEL_TIMEOUT: Verdict = { code: 'MODEL_TIMEOUT', next: 'retry' };
const UNREACHABLE: Verdict = { code: 'UNREACHABLE', next: 'retry' };
/** The answer stopped in the middle, or was none. */
const BROKEN_ANSWER: Verdict = { code: 'BROKEN_ANSWER', next: 'retry' };
// The same request would be refused again.
const UNKNOWN_MODEL: Verdict = { code: 'UNKNOWN_MODEL', next: 'final' };
const CONTEXT_FULL: Verdict = { code: 'CONTEXT_FULL', next: 'final' };
const BAD_REQUEST: Verdict = { code: 'BAD_REQUEST', next: 'final' };

const BY_STATUS: ReadonlyMap<number, Verdict> = new Map([
  [400, BAD_REQUEST],
  [401, API_KEY],
  [402, BILLING],
  [403, API_KEY],
  [404, UNKNOWN_MODEL],
  [408, MODEL_TIMEOUT],
  [413, CONTEXT_FULL],
  [422, BAD_REQUEST],
  [429, RATE_LIMITED],
  [504, MODEL_TIMEOUT],
]);

/** In the middle of an answer there is no status any more, only the name of what went wrong. */
const BY_TYPE: ReadonlyMap<string, Verdict> = new Map([
  ['authentication_error', API_KEY],
  ['permission_error', API_KEY],
  ['billing_error', BILLING],
  ['rate_limit_error', RATE_LIMITED],
  ['overloaded_error', OVERLOADED],
  ['api_error', OVERLOADED],
  ['timeout_error', MODEL_TIMEOUT],
  ['not_found_error', UNKNOWN_MODEL],
  ['invalid_request_error', BAD_REQUEST],
]);

/** An account that may not spend more says so with 400 or 429: waiting does not help. */
const OUT_OF_MONEY = /spend_limit|ramp_limit|billing|credit balance|spend limit/i;
const TOO_LONG = /prompt is too long|context window|too many tokens|input length/i;

/** What a request that failed means for the task. */
export function failureOf(error: unknown): Failure {
  const words = clip(error instanceof Error ? error.message : String(error), MAX_REASON_CHARS);
  return { ...verdictOn(error), reason: `the Messages API: ${words}` };
}

function verdictOn(error: unknown): Verdict {
  if (error instanceof Anthropic.APIConnectionTimeoutError) return MODEL_TIMEOUT;
  if (error instanceof Anthropic.APIConnectionError) return UNREACHABLE;
  if (!(error instanceof Anthropic.APIError)) return BROKEN_ANSWER;
  const { status, type, errorCode, message } = error;
  const isClientError = status === 400 || status === 402 || status === 403 || status === 429;
  if (isClientError && OUT_OF_MONEY.test(errorCode ?? message)) return BILLING;
  if (status === 400 && TOO_LONG.test(message)) return CONTEXT_FULL;
  const byStatus =
    BY_STATUS.get(status ?? 0) ?? (status !== undefined && status >= 500 ? OVERLOADED : undefined);
  return byStatus ?? BY_TYPE.get(type ?? '') ?? BROKEN_ANSWER;
}

/** No byte came for so long that none is expected any more. */
export function silenceAfter(idleMs: number): Failure {
  return {
    ...MODEL_TIMEOUT,
    reason: `the Messages API fell silent for ${idleMs} ms in the middle of an answer`,
  };
}

/** Why an answer that came whole is not the end of the work, nor the way to it; undefined when it is one of these. */
export function failureIn({ stop_reason, stop_details }: Message): Failure | undefined {
  const why = stop_details?.explanation ?? stop_details?.category;
  switch (stop_reason) {
    case 'refusal':
      return { code: 'REFUSED', next: 'final', reason: `the model refuses${why == null ? '' : `: ${why}`}` };
    case 'max_tokens':
      return { code: 'MAX_TOKENS', next: 'retry', reason: 'the answer was longer than one answer may be' };
    case 'model_context_window_exceeded':
      return { ...CONTEXT_FULL, reason: 'the conversation has outgrown what the model can read' };
    default:
      return isKnown(stop_reason) ? undefined : { ...BROKEN_ANSWER, reason: 'the answer has no end' };
  }
}

function isKnown(reason: StopReason | null): boolean {
  return reason !== null;
}

export function outOfTurns(maxTurns: number): Failure {
  return {
    code: 'MAX_TURNS',
    next: 'park',
    reason: `not done after ${maxTurns} turns; "task retry" goes on from there`,
  };
}

export function outOfBudget(exhausted: string): Failure {
  return { code: 'BUDGET', next: 'park', reason: exhausted };
}

/** A bound that nobody could hold. */
export function withoutPrice(model: string, whose: 'task' | 'swarm'): Failure {
  return {
    code: 'UNKNOWN_PRICE',
    next: 'park',
    reason: `the ${whose} has a budget in money, and the price of the model ${model} is not known here; give it a budget in tokens, or another model`,
  };
}
