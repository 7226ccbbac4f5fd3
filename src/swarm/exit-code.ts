import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import { InvariantError } from '../protocol/invariant.ts';

/**
 * How the process of an instance ends; docs/operations.md says what to do about each. The numbers are those of
 * sysexits(3), so that they say something to other supervisors too.
 */
export const INSTANCE_EXIT = {
  stopped: 0,
  crashed: 1,
  /** EX_DATAERR: what was durable cannot be read any more. */
  damaged: 65,
  /** EX_SOFTWARE: an invariant broke. */
  bug: 70,
  /** EX_CANTCREAT: no room on the disk; there may be later. */
  diskFull: 73,
  /** EX_IOERR: the disk refused, or does not answer. */
  diskFailed: 74,
  /** EX_TEMPFAIL: its folder or its port is in use. */
  inUse: 75,
  /** EX_CONFIG: it is told to be what it cannot be. */
  misconfigured: 78,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  DISK_FULL: INSTANCE_EXIT.diskFull,
  DISK_FAILED: INSTANCE_EXIT.diskFailed,
  DATA_DAMAGED: INSTANCE_EXIT.damaged,
  DATA_LOCKED: INSTANCE_EXIT.inUse,
  PORT_IN_USE: INSTANCE_EXIT.inUse,
  DATA_FOREIGN: INSTANCE_EXIT.misconfigured,
  BAD_INPUT: INSTANCE_EXIT.misconfigured,
  UNKNOWN_NODE: INSTANCE_EXIT.misconfigured,
  WRONG_CLUSTER: INSTANCE_EXIT.misconfigured,
  WRONG_PROTOCOL: INSTANCE_EXIT.misconfigured,
  UNAUTHORIZED: INSTANCE_EXIT.misconfigured,
};

/** The exit code of an instance that `error` has stopped. */
export function instanceExitCode(error: unknown): number {
  if (error instanceof InvariantError) return INSTANCE_EXIT.bug;
  return (error instanceof SwarmError ? BY_CODE[error.code] : undefined) ?? INSTANCE_EXIT.crashed;
}

const LASTING: ReadonlyMap<number, string> = new Map([
  [INSTANCE_EXIT.damaged, 'its data are damaged'],
  [INSTANCE_EXIT.diskFailed, 'its disk failed'],
  [INSTANCE_EXIT.inUse, 'its folder or its port is in use'],
  [INSTANCE_EXIT.misconfigured, 'it is not set up to work'],
]);

/** Why it would not help to start an instance again that ended so; undefined when it may. */
export function lastingReason(exitCode: number | null): string | undefined {
  return exitCode === null ? undefined : LASTING.get(exitCode);
}
