import { failureOf } from '../../../shell/failure.ts';
import type { ProgramResult } from '../../../shell/program.ts';
import { clip } from '../../../tasks/clip.ts';
import type { ExecutionResult } from '../port.ts';
import type { EndedEvent } from './events.ts';
import type { Transcript } from './transcript.ts';

/** Why we ended the client ourselves: it had spent too much, or had told its result and did not go. */
export type OwnStop = 'budget' | 'silent-after-result';

type Verdict = Pick<ExecutionResult, 'outcome' | 'exitCode' | 'reason' | 'code' | 'next'>;
type Failure = Pick<Verdict, 'code' | 'next'>;

/** Of what the client says went wrong, as much as a record needs. */
const MAX_REASON_CHARS = 500;

const API_KEY: Failure = { code: 'API_KEY', next: 'park' };
const RATE_LIMITED: Failure = { code: 'RATE_LIMITED', next: 'retry' };
const OVERLOADED: Failure = { code: 'OVERLOADED', next: 'retry' };
const MODEL_TIMEOUT: Failure = { code: 'MODEL_TIMEOUT', next: 'retry' };
const REFUSED: Failure = { code: 'REFUSED', next: 'final' };
const UNNAMED: Failure = { next: 'retry' };

/** The client's names for what went wrong with a request. */
const BY_ERROR: ReadonlyMap<string, Failure> = new Map([
  ['authentication_failed', API_KEY],
  ['oauth_org_not_allowed', API_KEY],
  ['billing_error', API_KEY],
  ['rate_limit', RATE_LIMITED],
  ['server_error', OVERLOADED],
  ['overloaded', OVERLOADED],
  // The same request would be refused again.
  ['model_not_found', { next: 'final' }],
]);

/** Ways in which a session ends early by a limit that it was given. */
const BY_SUBTYPE: ReadonlyMap<string, Failure> = new Map([
  ['error_max_turns', { code: 'MAX_TURNS', next: 'park' }],
  ['error_max_budget_usd', { code: 'BUDGET', next: 'park' }],
]);

/** Where there is neither a name nor a status, the client's sentences have to do. */
const BY_WORDS: readonly (readonly [RegExp, Failure])[] = [
  [/invalid api key|please run \/login|not logged in|credit balance is too low|oauth token/i, API_KEY],
  [/usage limit reached|hit your .*limit|rate.?limit/i, RATE_LIMITED],
  [/overloaded/i, OVERLOADED],
  [/timed? ?out/i, MODEL_TIMEOUT],
  [/violate our usage policy/i, REFUSED],
];

/** How an attempt went, from the client's own result where it gave one, else from the way its process ended. */
export function verdictOf(
  run: ProgramResult,
  all: {
    readonly transcript: Transcript;
    readonly stop: OwnStop | undefined;
    /** Which limit of the task's budget is reached, in words. */
    readonly exhausted: string | undefined;
    readonly timeoutMs: number;
  },
): Verdict {
  const { transcript, stop, exhausted, timeoutMs } = all;
  const exitCode = run.end.kind === 'exited' ? run.end.exitCode : undefined;
  if (run.end.kind === 'cancelled' && stop === undefined) return { ...failed(run, timeoutMs), exitCode };
  if (transcript.end !== undefined) return { ...judge(transcript.end, transcript), exitCode };
  if (stop === 'budget') {
    return { outcome: 'failed', exitCode, reason: exhausted, code: 'BUDGET', next: 'park' };
  }
  if (run.end.kind === 'timed-out') return { ...failed(run, timeoutMs), exitCode };
  const failure = failed(run, timeoutMs);
  const words = lastWords(run.stderr);
  const reason = `claude ended without a result: ${failure.reason}${words === '' ? '' : `: ${words}`}`;
  return { ...failure, ...named(undefined, words), exitCode, reason };
}

function failed(run: ProgramResult, timeoutMs: number): Verdict {
  const silent = { outcome: 'failed', exitCode: 0, reason: 'exit code 0' } as const;
  return failureOf(run.end, timeoutMs) ?? silent;
}

function judge(end: EndedEvent, { last }: Transcript): Omit<Verdict, 'exitCode'> {
  const isRefusal = end.stopReason === 'refusal' || last?.stopReason === 'refusal';
  if (end.subtype === 'success' && !end.isError && !isRefusal) {
    return { outcome: 'completed', reason: undefined };
  }
  const words = clip((end.errors.join('; ') || end.text || end.subtype).trim(), MAX_REASON_CHARS);
  const failure = isRefusal
    ? REFUSED
    : (BY_SUBTYPE.get(end.subtype) ?? named(last?.error, words, end.status));
  return { outcome: 'failed', reason: `claude: ${words}`, ...failure };
}

function named(error: string | undefined, words: string, status = statusIn(words)): Failure {
  const byError = error === undefined ? undefined : BY_ERROR.get(error);
  return byError ?? byStatus(status) ?? BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? UNNAMED;
}

/** `API Error: 529 {…}`. */
function statusIn(words: string): number | undefined {
  const found = /API Error: (\d{3})\b/.exec(words)?.[1];
  return found === undefined ? undefined : Number(found);
}

function byStatus(status: number | undefined): Failure | undefined {
  if (status === undefined) return undefined;
  if (status === 401 || status === 403) return API_KEY;
  if (status === 429) return RATE_LIMITED;
  if (status === 408 || status === 504) return MODEL_TIMEOUT;
  return status >= 500 ? OVERLOADED : undefined;
}

/** The last line that says anything. */
function lastWords(stderr: string): string {
  return clip(stderr.trim().split('\n').at(-1)?.trim() ?? '', MAX_REASON_CHARS);
}
