import { Packr } from 'msgpackr';
import type { BlobName } from './blob-name.ts';
import type * as command from './command.ts';
import type * as member from './member-command.ts';
import {
  binary,
  integer,
  list,
  natural,
  oneOf,
  orNull,
  positive,
  record,
  type Shape,
  text,
  textMap,
  truth,
} from './shape.ts';
import type { Usage } from './usage.ts';
import { isWellFormed } from './well-formed.ts';

/** Commands as bytes of the log: MessagePack, plain maps, so that other languages can read it. */
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

export function encodeEnvelope(envelope: command.Envelope): Uint8Array {
  return packr.pack(envelope);
}

/** `undefined` for bytes that are no command this version knows. Never throws, whatever the bytes. */
export function decodeEnvelope(bytes: Uint8Array): command.Envelope | undefined {
  if (!isWellFormed(bytes)) return undefined;
  const value: unknown = packr.unpack(bytes);
  return isEnvelope(value) ? value : undefined;
}

const texts = list(text);
const fenced = { taskId: text, fence: positive };
const taskFence = record<command.TaskFence>(fenced);
const reservationFence = { reservationId: text, fence: positive };

const taskSpec = record<command.TaskSpec>(
  {
    id: text,
    title: text,
    requires: texts,
    priority: oneOf('critical', 'high', 'medium', 'normal', 'low'),
    dependsOn: texts,
    env: textMap,
  },
  {
    prompt: text,
    run: text,
    timeoutMs: positive,
    retries: natural,
    gate: text,
    model: text,
    maxTurns: positive,
    maxTokens: positive,
    maxCostMicros: positive,
  },
);

const hookRecord = record<command.HookRecord>(
  {
    hook: oneOf('pre', 'post'),
    outcome: oneOf('succeeded', 'failed', 'timed-out', 'denied'),
    durationMs: natural,
    stdout: text,
    stderr: text,
  },
  { exitCode: integer },
);

const attempt = { output: text, hooks: list(hookRecord) };
const usage = record<Usage>({
  turns: natural,
  inputTokens: natural,
  outputTokens: natural,
  cacheReadTokens: natural,
  cacheWriteTokens: natural,
  costMicros: natural,
});
const measured = { exitCode: integer, usage };

/** What follows the kind, kind by kind. The compiler sees to it that none is missing. */
const BODIES: { readonly [Kind in command.TaskCommand['kind']]: Shape<BodyOf<Kind>> } = {
  submit: record<command.SubmitCommand>({ kind: oneOf('submit'), key: text, tasks: list(taskSpec) }),
  assign: record<command.AssignCommand>({
    kind: oneOf('assign'),
    assignments: list(record({ taskId: text, instanceId: text })),
  }),
  claim: record<command.ClaimCommand>(
    { kind: oneOf('claim'), requestId: text, claimant: record({ id: text, capabilities: texts }) },
    { taskId: text, leaseMs: positive },
  ),
  start: record<command.StartCommand>({ kind: oneOf('start'), ...fenced }),
  renew: record<command.RenewCommand>({
    kind: oneOf('renew'),
    tasks: list(taskFence),
    reservations: list(record(reservationFence)),
  }),
  note: record<command.NoteCommand>({ kind: oneOf('note'), ...fenced, text }),
  'save-turn': record<command.SaveTurnCommand>(
    { kind: oneOf('save-turn'), ...fenced, turn: positive, usage },
    { state: binary, blob: record<BlobName>({ sha256: text, bytes: positive }) },
  ),
  progress: record<command.ProgressCommand>({ kind: oneOf('progress'), ...fenced, text }),
  complete: record<command.CompleteCommand>({ kind: oneOf('complete'), ...fenced, ...attempt }, measured),
  fail: record<command.FailCommand>(
    { kind: oneOf('fail'), ...fenced, ...attempt, reason: text, next: oneOf('retry', 'final', 'park') },
    { ...measured, code: text },
  ),
  release: record<command.ReleaseCommand>({ kind: oneOf('release'), ...fenced, reason: text }, { usage }),
  cancel: record<command.CancelCommand>({ kind: oneOf('cancel'), taskId: text, reason: text }),
  retry: record<command.RetryCommand>({ kind: oneOf('retry'), taskId: text }),
  approve: record<command.ApproveCommand>({ kind: oneOf('approve'), taskId: text, by: text }),
  expire: record<command.ExpireCommand>({ kind: oneOf('expire'), ...fenced, renewedAt: positive }),
  register: record<command.RegisterCommand>({
    kind: oneOf('register'),
    instanceId: text,
    agent: text,
    capabilities: texts,
    capacity: natural,
    life: text,
  }),
  unregister: record<command.UnregisterCommand>({
    kind: oneOf('unregister'),
    instanceId: text,
    life: text,
    cause: oneOf('stopped', 'lost'),
  }),
  pause: record<command.PauseCommand>({ kind: oneOf('pause'), reason: text }),
  resume: record<command.ResumeCommand>({ kind: oneOf('resume') }),
  configure: record<command.ConfigureCommand>(
    { kind: oneOf('configure') },
    {
      maxActive: positive,
      attempts: positive,
      leaseMs: positive,
      maxTokens: orNull(positive),
      maxCostMicros: orNull(positive),
    },
  ),
  reserve: record<command.ReserveCommand>(
    {
      kind: oneOf('reserve'),
      reservationId: text,
      holder: text,
      paths: texts,
      mode: oneOf('exclusive', 'shared'),
    },
    { task: taskFence, leaseMs: positive },
  ),
  'release-reservation': record<command.ReleaseReservationCommand>({
    kind: oneOf('release-reservation'),
    ...reservationFence,
  }),
  'expire-reservation': record<command.ExpireReservationCommand>({
    kind: oneOf('expire-reservation'),
    ...reservationFence,
    renewedAt: positive,
  }),
  'session-open': record<command.SessionOpenCommand>({ kind: oneOf('session-open'), sessionId: text }),
  'session-expire': record<command.SessionExpireCommand>({
    kind: oneOf('session-expire'),
    sessionId: text,
    lastIndex: positive,
  }),
  enrol: record<member.EnrolCommand>({ kind: oneOf('enrol'), name: text }),
  announce: record<member.AnnounceCommand>({ kind: oneOf('announce'), memberId: text, url: text }),
  retire: record<member.RetireCommand>({ kind: oneOf('retire'), memberId: text }),
  checkpoint: record<member.CheckpointCommand>({ kind: oneOf('checkpoint'), full: truth }),
  record: record<member.RecordCommand>({
    kind: oneOf('record'),
    writes: list(
      record<member.RecordWrite>({ namespace: text, key: text }, { value: text, expect: natural }),
    ),
  }),
  'raise-level': record<member.RaiseLevelCommand>({ kind: oneOf('raise-level'), level: positive }),
};

type BodyOf<Kind extends command.TaskCommand['kind']> = Extract<command.TaskCommand, { readonly kind: Kind }>;

const byKind = new Map<unknown, Shape<command.TaskCommand>>(Object.entries(BODIES));

const body: Shape<command.TaskCommand> = (value): value is command.TaskCommand => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  return byKind.get(value.kind)?.(value) ?? false;
};

const sessionStamp = record<command.SessionStamp>({ id: text, sequence: positive, ack: positive });

const isEnvelope = record<command.Envelope>({ at: natural, body }, { session: sessionStamp });
