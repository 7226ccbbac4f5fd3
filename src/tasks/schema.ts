import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import * as limits from '../protocol/limits.ts';
import { clip } from './clip.ts';
import type { Envelope, HookRecord, TaskCommand } from './command.ts';
import { normalisePattern } from './glob.ts';
import { LATEST_LEVEL } from './member.ts';

/**
 * What a client may send, checked once where it enters. The machine applies what is in the log with a
 * far cheaper look at its shape (`codec`).
 */

const ID_RULE = '1 to 64 of the characters A-Z a-z 0-9 . _ -';
const id = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, ID_RULE);

/** Printable text of one line's length: capabilities, reasons, titles. */
const line = z.string().max(limits.MAX_LINE_CHARS);
const key = z.string().min(1).max(128);
const index = z.int().positive();
const count = z.int().min(0);
const amount = count.max(limits.MAX_USAGE);
const usage = z.strictObject({
  turns: amount,
  inputTokens: amount,
  outputTokens: amount,
  cacheReadTokens: amount,
  cacheWriteTokens: amount,
  costMicros: amount,
});
const blob = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits'),
  bytes: z.int().positive().max(limits.MAX_BLOB_BYTES),
});
const turnState = z.instanceof(Uint8Array).refine((bytes) => bytes.length <= limits.MAX_TURN_STATE_BYTES, {
  error: `at most ${limits.MAX_TURN_STATE_BYTES} bytes; larger state goes into a blob`,
});
const leaseMs = z.int().min(limits.MIN_LEASE_MS).max(limits.MAX_LEASE_MS);
const capabilities = z.array(key).max(limits.MAX_CAPABILITIES);
const envValue = z
  .string()
  .max(limits.MAX_ENV_CHARS)
  .refine((text) => !text.includes('\0'), 'text without NUL, which no environment can carry');
const env = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'a variable name'), envValue)
  .refine((map) => Object.keys(map).length <= limits.MAX_ENV_VARIABLES, {
    error: `at most ${limits.MAX_ENV_VARIABLES} variables`,
  });
const work = z.string().min(1).max(limits.MAX_WORK_CHARS);
const output = z.string().transform((text) => clip(text, limits.MAX_OUTPUT_CHARS));

const pattern = z
  .string()
  .max(limits.MAX_PATTERN_CHARS)
  .transform((text, context) => {
    const normal = normalisePattern(text);
    if (normal !== undefined) return normal;
    context.addIssue({
      code: 'custom',
      message: 'a path or glob inside the repository, relative to its root',
    });
    return z.NEVER;
  });

const taskSpec = z
  .strictObject({
    id,
    title: line.exactOptional(),
    prompt: work.exactOptional(),
    run: work.exactOptional(),
    requires: capabilities.default([]),
    priority: z.enum(['critical', 'high', 'medium', 'normal', 'low']).default('normal'),
    dependsOn: z.array(id).max(limits.MAX_DEPENDENCIES).default([]),
    timeoutMs: z.int().positive().exactOptional(),
    retries: z
      .int()
      .min(0)
      .max(limits.MAX_ATTEMPTS - 1)
      .exactOptional(),
    env: env.default({}),
    gate: line.min(1).exactOptional(),
    model: key.exactOptional(),
    maxTurns: z.int().positive().max(limits.MAX_TURNS).exactOptional(),
    maxTokens: amount.positive().exactOptional(),
    maxCostMicros: amount.positive().exactOptional(),
  })
  .transform((spec) => ({ ...spec, title: spec.title ?? spec.id }));

const hookRecord = z.strictObject({
  hook: z.enum(['pre', 'post']),
  outcome: z.enum(['succeeded', 'failed', 'timed-out', 'denied']),
  exitCode: z.int().exactOptional(),
  durationMs: count,
  stdout: output,
  stderr: output,
});

const fenced = { taskId: id, fence: index };
const fencedReservation = { reservationId: id, fence: index };
const attemptResult = {
  exitCode: z.int().exactOptional(),
  output: output.default(''),
  hooks: z.array(hookRecord).max(limits.MAX_HOOK_RECORDS).default([]).transform(shareRoom),
  usage: usage.exactOptional(),
};

const memberName = z.string().regex(/^[A-Za-z0-9._-]{1,48}$/, '1 to 48 of the characters A-Z a-z 0-9 . _ -');
const memberUrl = line.regex(/^wss?:\/\/[^\s/]+:\d{1,5}$/, 'an address as ws://host:port');

const recordWrite = z.strictObject({
  namespace: z.string().regex(/^[a-z-]{1,32}$/, '1 to 32 of the characters a-z -'),
  key: z.string().regex(/^[A-Za-z0-9._:@-]{1,128}$/, '1 to 128 of the characters A-Z a-z 0-9 . _ : @ -'),
  value: z.string().max(limits.MAX_RECORD_CHARS).exactOptional(),
  expect: count.exactOptional(),
});

const taskCommand: z.ZodType<TaskCommand> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('submit'),
    key,
    tasks: z.array(taskSpec).min(1).max(limits.MAX_TASKS_PER_SUBMISSION),
  }),
  z.strictObject({
    kind: z.literal('assign'),
    assignments: z.array(z.strictObject({ taskId: id, instanceId: id })).max(limits.MAX_BATCH),
  }),
  z.strictObject({
    kind: z.literal('claim'),
    requestId: key,
    claimant: z.strictObject({ id, capabilities }),
    taskId: id.exactOptional(),
    leaseMs: leaseMs.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('start'), ...fenced }),
  z.strictObject({
    kind: z.literal('renew'),
    tasks: z.array(z.strictObject(fenced)).max(limits.MAX_BATCH).default([]),
    reservations: z.array(z.strictObject(fencedReservation)).max(limits.MAX_BATCH).default([]),
  }),
  z.strictObject({ kind: z.literal('note'), ...fenced, text: z.string().min(1).max(limits.MAX_NOTE_CHARS) }),
  z.strictObject({
    kind: z.literal('save-turn'),
    ...fenced,
    turn: z.int().positive().max(limits.MAX_TURNS),
    usage,
    state: turnState.exactOptional(),
    blob: blob.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('progress'),
    ...fenced,
    text: z.string().min(1).max(limits.MAX_PROGRESS_CHARS),
  }),
  z.strictObject({ kind: z.literal('complete'), ...fenced, ...attemptResult }),
  z.strictObject({
    kind: z.literal('fail'),
    ...fenced,
    ...attemptResult,
    reason: line,
    next: z.enum(['retry', 'final', 'park']).default('retry'),
    code: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'a name such as RATE_LIMITED')
      .exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('release'),
    ...fenced,
    reason: line.default(''),
    usage: usage.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('cancel'), taskId: id, reason: line.default('') }),
  z.strictObject({ kind: z.literal('retry'), taskId: id }),
  z.strictObject({ kind: z.literal('approve'), taskId: id, by: line.min(1) }),
  z.strictObject({ kind: z.literal('expire'), ...fenced, renewedAt: index }),
  z.strictObject({
    kind: z.literal('register'),
    instanceId: id,
    agent: line.min(1),
    capabilities,
    capacity: z.int().min(0).max(limits.MAX_CAPACITY),
    life: key,
  }),
  z.strictObject({
    kind: z.literal('unregister'),
    instanceId: id,
    life: key,
    cause: z.enum(['stopped', 'lost']),
  }),
  z.strictObject({ kind: z.literal('pause'), reason: line.default('') }),
  z.strictObject({ kind: z.literal('resume') }),
  z.strictObject({
    kind: z.literal('configure'),
    maxActive: z.int().positive().max(limits.MAX_LIVE_TASKS).exactOptional(),
    attempts: z.int().positive().max(limits.MAX_ATTEMPTS).exactOptional(),
    leaseMs: leaseMs.exactOptional(),
    maxTokens: amount.positive().nullable().exactOptional(),
    maxCostMicros: amount.positive().nullable().exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('reserve'),
    reservationId: id,
    holder: id,
    paths: z.array(pattern).min(1).max(limits.MAX_PATTERNS),
    mode: z.enum(['exclusive', 'shared']).default('exclusive'),
    task: z.strictObject(fenced).exactOptional(),
    leaseMs: leaseMs.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('release-reservation'), ...fencedReservation }),
  z.strictObject({ kind: z.literal('expire-reservation'), ...fencedReservation, renewedAt: index }),
  z.strictObject({ kind: z.literal('session-open'), sessionId: id }),
  z.strictObject({ kind: z.literal('session-expire'), sessionId: id, lastIndex: index }),
  z.strictObject({ kind: z.literal('enrol'), name: memberName }),
  z.strictObject({ kind: z.literal('announce'), memberId: id, url: memberUrl }),
  z.strictObject({ kind: z.literal('retire'), memberId: id }),
  z.strictObject({ kind: z.literal('raise-level'), level: index.max(LATEST_LEVEL) }),
  z.strictObject({
    kind: z.literal('record'),
    writes: z.array(recordWrite).min(1).max(limits.MAX_RECORD_WRITES),
  }),
  z.strictObject({ kind: z.literal('checkpoint'), full: z.boolean().default(false) }),
]);

const sessionStamp = z
  .strictObject({ id, sequence: index, ack: index })
  .refine((stamp) => stamp.ack <= stamp.sequence, { error: 'ack at most the sequence', path: ['ack'] });

const envelope: z.ZodType<Envelope> = z.strictObject({
  at: count,
  session: sessionStamp.exactOptional(),
  body: taskCommand,
});

/**
 * Checks a command from a client and fills in its defaults.
 *
 * @throws SwarmError `BAD_INPUT` naming the path of each fault and what was expected there.
 */
export function parseCommand(input: unknown): TaskCommand {
  return checked(taskCommand, input);
}

/**
 * Checks a command together with its time and session.
 *
 * @throws SwarmError `BAD_INPUT` as `parseCommand` does.
 */
export function parseEnvelope(input: unknown): Envelope {
  return checked(envelope, input);
}

/**
 * Four full streams among all hooks. With the output that is at most 320 Ki characters, which fit
 * `MAX_COMMAND_BYTES` in any script: an attempt must not be too large to be reported.
 */
function shareRoom(hooks: readonly HookRecord[]): HookRecord[] {
  const room = Math.min(limits.MAX_OUTPUT_CHARS, Math.floor((2 * limits.MAX_OUTPUT_CHARS) / hooks.length));
  return hooks.map((hook) => ({ ...hook, stdout: clip(hook.stdout, room), stderr: clip(hook.stderr, room) }));
}

function checked<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: pathText(path), message }));
  const told = faults.slice(0, MAX_FAULTS_TOLD).map(({ path, message }) => `${path}: ${message}`);
  const more = faults.length - told.length;
  throw new SwarmError('BAD_INPUT', told.join('; ') + (more > 0 ? `; and ${more} more` : ''), { faults });
}

const MAX_FAULTS_TOLD = 5;

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? 'command' : text.replace(/^\./, '');
}
