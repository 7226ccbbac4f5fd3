import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  BUSY_RETRY_AFTER_MS,
  MAX_COMMAND_BYTES,
  MAX_PENDING_PROPOSAL_BYTES,
  MAX_PENDING_PROPOSALS,
  MAX_WAITING_READS,
} from '../protocol/limits.ts';

/** Why a node takes nothing in: nothing was proposed, nothing has happened. */
export function stoppedError(id: NodeId): SwarmError {
  return new SwarmError('STOPPED', `node ${id} has stopped`);
}

/** Why `command` is not taken in beside what is under way. */
export function refusalOfCommand(
  command: Uint8Array,
  underWay: { readonly size: number; readonly bytes: number },
): SwarmError | undefined {
  if (command.byteLength > MAX_COMMAND_BYTES) {
    return new SwarmError(
      'PROPOSAL_TOO_LARGE',
      `a command may have ${MAX_COMMAND_BYTES} bytes, this one has ${command.byteLength}`,
    );
  }
  const { size, bytes } = underWay;
  if (size < MAX_PENDING_PROPOSALS && bytes < MAX_PENDING_PROPOSAL_BYTES) return undefined;
  return busy(`${size} commands of ${bytes} bytes are under way`);
}

export function refusalOfRead(underWay: { readonly size: number }): SwarmError | undefined {
  return underWay.size < MAX_WAITING_READS ? undefined : busy(`${underWay.size} reads are under way`);
}

function busy(why: string): SwarmError {
  return new SwarmError('BUSY', `${why}; try again in a moment`, { retryAfterMs: BUSY_RETRY_AFTER_MS });
}
