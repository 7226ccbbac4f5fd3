import { SwarmError } from '../protocol/errors.ts';
import { decodeEnvelope } from '../tasks/codec.ts';
import type { TaskResult } from '../tasks/command.ts';
import { levelOf } from '../tasks/member.ts';

/**
 * The machine's answer, told apart: what some member may not understand is no command to any of them, so that all
 * come to the same state, but whoever sent it shall learn why.
 */
export function explained(result: TaskResult, command: Uint8Array, level: number): TaskResult {
  if (result.ok || result.code !== 'MALFORMED') return result;
  const body = decodeEnvelope(command)?.body;
  if (body === undefined || levelOf(body) === 1) return result;
  const message = `"${body.kind}" as it was sent needs a log of level ${levelOf(body)}, and it is at ${level}: a member runs an older release, or is not heard; see "raft-manager status"`;
  return { ok: false, code: 'LEVEL_TOO_LOW', message };
}

/** MessagePack has short texts as they are, so whoever means it says it. */
const RAISE = Buffer.from('raise-level');

/**
 * Nobody from outside raises the level of the log: a level that some member does not know would stop that member, and one
 * that nobody knows all of them, at every start anew.
 *
 * @throws SwarmError UNAUTHORIZED
 */
export function refuseLevel(command: Uint8Array): void {
  const bytes = Buffer.from(command.buffer, command.byteOffset, command.byteLength);
  if (!bytes.includes(RAISE) || decodeEnvelope(command)?.body.kind !== 'raise-level') return;
  throw new SwarmError(
    'UNAUTHORIZED',
    'the coordinator alone raises the level of the log, when all members know it',
  );
}
