import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../src/tasks/codec.ts';
import type { Envelope } from '../../src/tasks/command.ts';
import { parseEnvelope } from '../../src/tasks/schema.ts';
import { isWellFormed } from '../../src/tasks/well-formed.ts';
import { Log } from './log.ts';

const plain = new Packr({ useRecords: false });
const fence = { taskId: 'a', fence: 7 };
const hooks = [{ hook: 'post', outcome: 'timed-out', durationMs: 2 ** 40, stdout: 'é\u{1f600}', stderr: '' }];

/** One command of each kind, with all that may be absent and without. */
const COMMANDS = [
  { kind: 'submit', key: 'k', tasks: [{ id: 'a' }] },
  {
    kind: 'submit',
    key: 'k',
    tasks: [
      {
        id: 'a',
        title: 'A',
        prompt: 'p',
        run: 'r',
        requires: ['x'],
        priority: 'high',
        dependsOn: ['b'],
        timeoutMs: 1,
        retries: 0,
        env: { A: 'b' },
        gate: 'g',
      },
    ],
  },
  { kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w' }] },
  { kind: 'claim', requestId: 'r', claimant: { id: 'w', capabilities: ['x'] } },
  { kind: 'claim', requestId: 'r', claimant: { id: 'w', capabilities: [] }, taskId: 'a', leaseMs: 1_000 },
  { kind: 'start', ...fence },
  { kind: 'renew', tasks: [fence], reservations: [{ reservationId: 'r', fence: 8 }] },
  { kind: 'note', ...fence, text: 'x'.repeat(300) },
  { kind: 'complete', ...fence, exitCode: -1, output: 'x', hooks },
  { kind: 'fail', ...fence, reason: 'r', next: 'park' },
  { kind: 'release', ...fence },
  { kind: 'cancel', taskId: 'a' },
  { kind: 'retry', taskId: 'a' },
  { kind: 'approve', taskId: 'a', by: 'ann' },
  { kind: 'expire', ...fence, renewedAt: 9 },
  { kind: 'register', instanceId: 'w', agent: 'a', capabilities: ['x'], capacity: 3, life: 'l' },
  { kind: 'unregister', instanceId: 'w', life: 'l', cause: 'lost' },
  { kind: 'pause', reason: 'look' },
  { kind: 'resume' },
  { kind: 'configure', maxActive: 4, attempts: 2, leaseMs: 500 },
  { kind: 'reserve', reservationId: 'r', holder: 'w', paths: ['src'], task: fence, leaseMs: 500 },
  { kind: 'release-reservation', reservationId: 'r', fence: 2 },
  { kind: 'expire-reservation', reservationId: 'r', fence: 2, renewedAt: 2 },
  { kind: 'session-open', sessionId: 's' },
  { kind: 'session-expire', sessionId: 's', lastIndex: 4 },
  { kind: 'enrol', name: 'builder' },
  { kind: 'announce', memberId: 'builder.7', url: 'ws://localhost:7000' },
  { kind: 'retire', memberId: 'builder.7' },
  { kind: 'raise-level', level: 2 },
  { kind: 'checkpoint', full: true },
];

const envelopeOf = (body: unknown): Envelope =>
  parseEnvelope({ at: 1_700_000_000_000, session: { id: 's', sequence: 2, ack: 1 }, body });

describe('every command', () => {
  test.each(COMMANDS)('comes out as it went in: $kind', (body) => {
    const envelope = envelopeOf(body);
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  test.each(COMMANDS)('is refused with a field too many, or one missing: $kind', (body) => {
    const envelope = envelopeOf(body);
    const strange = { ...envelope, body: { ...envelope.body, extra: 1 } };
    expect(decodeEnvelope(plain.pack(strange))).toBe(undefined);
    const kindOnly = { ...envelope, body: { kind: body.kind } };
    const needsMore = body.kind !== 'resume' && body.kind !== 'configure';
    expect(decodeEnvelope(plain.pack(kindOnly)) === undefined).toBe(needsMore);
  });
});

describe('whatever the bytes', () => {
  test.each([
    { why: 'nothing', bytes: [] },
    { why: 'a count that nothing covers', bytes: [0xdd, 0xff, 0xff, 0xff, 0xff] },
    { why: 'a map that nothing covers', bytes: [0xdf, 0x01, 0x00, 0x00, 0x00, 0x01] },
    { why: 'a text longer than the rest', bytes: [0xdb, 0x7f, 0xff, 0xff, 0xff, 0x61] },
    { why: 'lists in lists without end', bytes: Array.from({ length: 10_000 }, () => 0x91) },
    { why: 'two values', bytes: [0x01, 0x02] },
    { why: 'a map whose key is a list', bytes: [0x81, 0x90, 0x01] },
    { why: 'a map without its last value', bytes: [0x82, 0xa1, 0x61, 0x01, 0xa1, 0x62] },
    { why: 'an extension', bytes: [0xd6, 0xff, 0, 0, 0, 0] },
    { why: 'the reserved byte', bytes: [0xc1] },
  ])('not decoded: $why', ({ bytes }) => {
    expect(isWellFormed(Uint8Array.from(bytes))).toBe(false);
    expect(decodeEnvelope(Uint8Array.from(bytes))).toBe(undefined);
  });

  test('what other encoders write is well-formed', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(isWellFormed(plain.pack(value))).toBe(true);
      }),
    );
  });

  const seedOfBytes = fc.constantFrom(...COMMANDS.map((body) => encodeEnvelope(envelopeOf(body))));
  const damaged = fc
    .tuple(seedOfBytes, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 }))
    .map(([bytes, edits]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, byte] of edits) copy[at % copy.length] = byte;
      return copy;
    });

  test('the machine answers and never throws, and all machines answer alike', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged), { maxLength: 20 }),
        (blobs) => {
          const [one, other] = [new Log(), new Log()];
          for (const blob of blobs) expect(one.append(blob)).toEqual(other.append(blob));
          expect(one.machine.stateHash).toBe(other.machine.stateHash);
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test('bytes that are no command are refused as such', () => {
    const log = new Log();
    const { result, events } = log.append(plain.pack({ at: 1, body: { kind: 'explode' } }));
    expect(result).toEqual({ ok: false, code: 'MALFORMED', message: 'entry 1 holds no task command' });
    expect([events, log.machine.appliedIndex]).toEqual([[], 1]);
  });
});
