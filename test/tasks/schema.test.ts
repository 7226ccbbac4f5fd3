import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { MAX_COMMAND_BYTES } from '../../src/protocol/limits.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import { parseCommand, parseEnvelope } from '../../src/tasks/schema.ts';

const submit = (spec: unknown) => ({ kind: 'submit', key: 'k', tasks: [spec] });

/** The error with which an input is refused. */
function refusal(parse: (input: unknown) => unknown, input: unknown): SwarmError {
  try {
    parse(input);
  } catch (error) {
    if (error instanceof SwarmError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

test('defaults are filled in', () => {
  expect(parseCommand(submit({ id: 'a' }))).toEqual({
    kind: 'submit',
    key: 'k',
    tasks: [{ id: 'a', title: 'a', requires: [], priority: 'normal', dependsOn: [], env: {} }],
  });
});

describe('what an attempt has said', () => {
  const stream = '\u{1f600}'.repeat(40_000);
  const hook = { hook: 'pre', outcome: 'succeeded', durationMs: 1, stdout: stream, stderr: stream };
  const report = (hooks: number) => ({
    at: 1,
    body: {
      kind: 'complete',
      taskId: 'a',
      fence: 1,
      output: `x${stream}`,
      hooks: Array.from({ length: hooks }, () => hook),
    },
  });

  test.each([
    { why: 'two hooks keep 64 Ki of each stream', hooks: 2, kept: 64 * 1024 },
    { why: 'more share the room', hooks: 8, kept: 16 * 1024 },
  ])('is cut to fit one command: $why', ({ hooks, kept }) => {
    const { body } = parseEnvelope(report(hooks));
    expect(body).toMatchObject({
      hooks: expect.arrayContaining([expect.objectContaining({ stdout: stream.slice(0, kept) })]),
    });
    expect(encodeEnvelope(parseEnvelope(report(hooks))).byteLength).toBeLessThan(MAX_COMMAND_BYTES);
  });

  test('is never cut in the middle of a character', () => {
    expect(parseCommand(report(0).body)).toMatchObject({ output: `x${stream.slice(0, 64 * 1024 - 2)}` });
  });
});

test('paths are brought to one spelling', () => {
  const command = { kind: 'reserve', reservationId: 'r', holder: 'w', paths: ['./src//a/', 'merge'] };
  expect(parseCommand(command)).toMatchObject({ paths: ['src/a/**', 'merge'], mode: 'exclusive' });
});

describe('what a client may not send', () => {
  test.each([
    { why: 'no object', input: 7, says: 'command: ' },
    { why: 'an unknown kind', input: { kind: 'explode' }, says: 'kind: ' },
    {
      why: 'an id with a space',
      input: submit({ id: 'a b' }),
      says: 'tasks[0].id: 1 to 64 of the characters',
    },
    { why: 'an id of 65', input: submit({ id: 'a'.repeat(65) }), says: 'tasks[0].id: ' },
    { why: 'an unknown key', input: submit({ id: 'a', retry: 1 }), says: 'retry' },
    { why: 'a variable that is none', input: submit({ id: 'a', env: { '1A': '' } }), says: 'tasks[0].env' },
    {
      why: 'NUL in a variable',
      input: submit({ id: 'a', env: { A: '\0' } }),
      says: 'tasks[0].env.A: text without NUL',
    },
    { why: 'undefined for absent', input: submit({ id: 'a', run: undefined }), says: 'tasks[0].run: ' },
    { why: 'no tasks', input: { kind: 'submit', key: 'k', tasks: [] }, says: 'tasks: ' },
    { why: 'a lease of a millisecond', input: { kind: 'configure', leaseMs: 1 }, says: 'leaseMs: ' },
    { why: 'a fence of 0', input: { kind: 'start', taskId: 'a', fence: 0 }, says: 'fence: ' },
    {
      why: 'a path outside',
      input: { kind: 'reserve', reservationId: 'r', holder: 'w', paths: ['../x'] },
      says: 'paths[0]: a path or glob inside the repository',
    },
  ])('$why', ({ input, says }) => {
    const error = refusal(parseCommand, input);
    expect([error.code, error.message]).toEqual(['BAD_INPUT', expect.stringContaining(says)]);
  });

  test('faults beyond the fifth are counted', () => {
    const tasks = Array.from({ length: 7 }, () => ({ id: '' }));
    expect(refusal(parseCommand, { kind: 'submit', key: 'k', tasks }).message).toMatch(/; and 2 more$/);
  });

  test('an acknowledgement of what is yet to come', () => {
    const input = { at: 1, session: { id: 's', sequence: 1, ack: 2 }, body: { kind: 'resume' } };
    expect(refusal(parseEnvelope, input).message).toContain('session.ack: ack at most the sequence');
  });
});
