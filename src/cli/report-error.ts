import { CommanderError } from 'commander';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';

/** 0 ok · 1 the work failed · 2 the input or usage is wrong · 3 no quorum, or the swarm cannot be reached. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  'NO_QUORUM',
  'NOT_RUNNING',
  'TIMEOUT',
  'OUTCOME_UNKNOWN',
  'NOT_LEADER',
  'BUSY',
  'STOPPED',
]);

const WRONG_INPUT: ReadonlySet<ErrorCode> = new Set([
  'BAD_INPUT',
  'UNKNOWN_TASK',
  'DUPLICATE_TASK',
  'UNKNOWN_DEPENDENCY',
  'CYCLIC_DEPENDENCY',
  'UNKNOWN_INSTANCE',
  'UNKNOWN_NODE',
  'UNKNOWN_MEMBER',
  'UNKNOWN_RESERVATION',
  'UNKNOWN_DOCUMENT',
  'PROPOSAL_TOO_LARGE',
  'LIMIT_EXCEEDED',
  'DATA_LOCKED',
  'DATA_DAMAGED',
  'DATA_FOREIGN',
  'QUARANTINED',
  'PORT_IN_USE',
  'ALREADY_RUNNING',
  'WRONG_CLUSTER',
  'WRONG_PROTOCOL',
  'UNAUTHORIZED',
  'REVOKED',
  'HOOK_DENIED',
]);

/** The exit code that scripts see for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof SwarmError)) return EXIT.failed;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  return WRONG_INPUT.has(error.code) ? EXIT.usage : EXIT.failed;
}

/** Says what went wrong on stderr and sets the exit code. A bug keeps its stack. */
export function reportError(error: unknown): void {
  process.exitCode = exitCodeOf(error);
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return;
  if (error instanceof SwarmError) process.stderr.write(`raft-manager: ${error.message} [${error.code}]\n`);
  // What the file system refuses is told by its message: path and reason are in it.
  else if (error instanceof Error && 'syscall' in error)
    process.stderr.write(`raft-manager: ${error.message}\n`);
  else
    process.stderr.write(
      `raft-manager: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
}
