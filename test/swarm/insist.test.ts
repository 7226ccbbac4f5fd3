import { describe, expect, test } from 'vitest';
import { type ErrorCode, SwarmError } from '../../src/protocol/errors.ts';
import { InvariantError } from '../../src/protocol/invariant.ts';
import { canPass, insist } from '../../src/swarm/insist.ts';

/** Refuses with each of `errors` in turn, and does it then. */
function refusing(...errors: readonly Error[]): () => Promise<string> {
  const left = [...errors];
  return async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
    return 'done';
  };
}

const refusal = (code: ErrorCode): SwarmError => new SwarmError(code, code);

describe('what keeps a newcomer out for a while is asked again', () => {
  test.each<{ code: ErrorCode; why: string }>([
    { code: 'NO_QUORUM', why: 'an election is under way' },
    { code: 'NOT_LEADER', why: 'it has just moved' },
    { code: 'NOT_READY', why: 'the new leader has not committed anything' },
    { code: 'CHANGE_IN_FLIGHT', why: 'another change is not over' },
    { code: 'TRANSFER_IN_PROGRESS', why: 'leadership is being handed over' },
    { code: 'OUTCOME_UNKNOWN', why: 'the leader fell before it answered' },
    { code: 'PROPOSAL_DROPPED', why: 'another leader’s entry took the place' },
    { code: 'NOT_RUNNING', why: 'nobody answers' },
    { code: 'STOPPED', why: 'the one that was asked stops' },
    { code: 'BUSY', why: 'too much is under way' },
    { code: 'DISK_FULL', why: 'a disk is full, until it is not' },
    { code: 'TIMEOUT', why: 'it took too long' },
    { code: 'SESSION_EXPIRED', why: 'the next try opens another session' },
    { code: 'LEVEL_TOO_LOW', why: 'a member has not been heard yet' },
    { code: 'MALFORMED', why: 'a member of an older release is not gone yet' },
  ])('$code: $why', async ({ code }) => {
    const refused: unknown[] = [];
    expect(await insist(refusing(refusal(code)), { onRefused: (error) => refused.push(error) })).toBe('done');
    expect(refused).toEqual([refusal(code)]);
  });

  test('a file could not be written', async () => {
    const noRoom = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    expect(await insist(refusing(noRoom))).toBe('done');
  });
});

describe('what no waiting changes is said at once', () => {
  test.each<{ error: Error; why: string }>([
    { error: refusal('UNAUTHORIZED'), why: 'the wrong token' },
    { error: refusal('WRONG_CLUSTER'), why: 'another swarm' },
    { error: refusal('WRONG_PROTOCOL'), why: 'another release' },
    { error: refusal('UNKNOWN_NODE'), why: 'nobody of that name' },
    { error: refusal('BAD_INPUT'), why: 'a mistake of a person' },
    { error: refusal('DATA_DAMAGED'), why: 'a file that cannot be read' },
    { error: refusal('DATA_FOREIGN'), why: 'a folder of another' },
    { error: refusal('DATA_LOCKED'), why: 'a folder in use' },
    { error: refusal('DISK_FAILED'), why: 'a disk that is no good' },
    { error: refusal('LIMIT_EXCEEDED'), why: 'as many members as there may be' },
    { error: refusal('NO_VOTERS_LEFT'), why: 'nobody would be left to decide' },
    { error: new InvariantError('a bug'), why: 'a broken promise' },
    { error: new TypeError('a bug'), why: 'a bug' },
  ])('$error.name $why', async ({ error }) => {
    expect(canPass(error)).toBe(false);
    await expect(insist(refusing(error))).rejects.toBe(error);
  });
});

test('a reason is told once, and again after another one', async () => {
  const told: string[] = [];
  const codes: ErrorCode[] = ['NO_QUORUM', 'NO_QUORUM', 'NOT_LEADER', 'NO_QUORUM'];
  await insist(refusing(...codes.map(refusal)), {
    onRefused: (error) => told.push((error as SwarmError).code),
  });
  expect(told).toEqual(['NO_QUORUM', 'NOT_LEADER', 'NO_QUORUM']);
});

test('patience has an end, where it was given one', async () => {
  const never = (): Promise<never> => Promise.reject(refusal('NO_QUORUM'));
  await expect(insist(never, { patienceMs: 150 })).rejects.toMatchObject({ code: 'NO_QUORUM' });
});

test('who is told to stop asks no more', async () => {
  const stop = new AbortController();
  const asked = insist(() => Promise.reject(refusal('NO_QUORUM')), {
    signal: stop.signal,
    onRefused: () => stop.abort(),
  });
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
});
