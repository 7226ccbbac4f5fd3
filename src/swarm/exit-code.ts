import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import { InvariantError } from '../protocol/invariant.ts';
import { isCode } from './files.ts';

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
  /** EX_PROTOCOL: what it holds is not what the others hold. */
  quarantined: 76,
  /** EX_NOPERM: its certificate was revoked, and nobody lets it in any more. */
  revoked: 77,
  /** EX_CONFIG: it is told to be what it cannot be. */
  misconfigured: 78,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  DISK_FULL: INSTANCE_EXIT.diskFull,
  DISK_FAILED: INSTANCE_EXIT.diskFailed,
  DATA_DAMAGED: INSTANCE_EXIT.damaged,
  DATA_LOCKED: INSTANCE_EXIT.inUse,
  PORT_IN_USE: INSTANCE_EXIT.inUse,
  QUARANTINED: INSTANCE_EXIT.quarantined,
  REVOKED: INSTANCE_EXIT.revoked,
  DATA_FOREIGN: INSTANCE_EXIT.misconfigured,
  BAD_INPUT: INSTANCE_EXIT.misconfigured,
  UNKNOWN_NODE: INSTANCE_EXIT.misconfigured,
  WRONG_CLUSTER: INSTANCE_EXIT.misconfigured,
  WRONG_PROTOCOL: INSTANCE_EXIT.misconfigured,
  UNAUTHORIZED: INSTANCE_EXIT.misconfigured,
};

/** A file beside the log that found no room, under the name that everybody knows it by; anything else as it is. */
export function named(error: unknown): unknown {
  if (!isCode(error, 'ENOSPC') && !isCode(error, 'EDQUOT')) return error;
  return new SwarmError('DISK_FULL', `${(error as Error).message}. Free space; nothing else has to be done`);
}

/** The exit code of an instance that `error` has stopped. */
export function instanceExitCode(error: unknown): number {
  if (error instanceof InvariantError) return INSTANCE_EXIT.bug;
  return (error instanceof SwarmError ? BY_CODE[error.code] : undefined) ?? INSTANCE_EXIT.crashed;
}

const LASTING: ReadonlyMap<number, string> = new Map([
  [INSTANCE_EXIT.damaged, 'its data are damaged'],
  [INSTANCE_EXIT.diskFailed, 'its disk failed'],
  [INSTANCE_EXIT.quarantined, 'it is in quarantine'],
  [INSTANCE_EXIT.revoked, 'its certificate was revoked'],
  [INSTANCE_EXIT.misconfigured, 'it is not set up to work'],
]);

const PASSING: ReadonlyMap<number, string> = new Map([
  [INSTANCE_EXIT.diskFull, 'disk full'],
  [INSTANCE_EXIT.inUse, 'its folder or its port is in use'],
]);

/**
 * What to do about an instance that has ended.
 *
 * - `crashed`: start it again; if it goes on like that, somebody has to look.
 * - `hindered`: by what passes without its doing: start it again from time to time, however often that takes.
 * - `unfit`: it would not help to start it again.
 */
export type Fate =
  | { readonly kind: 'crashed' }
  | { readonly kind: 'hindered' | 'unfit'; readonly why: string };

/** `word`: what the instance has said about its end. */
export function fateOf(exitCode: number | null, word: SwarmError | undefined): Fate {
  const lasting = exitCode === null ? undefined : LASTING.get(exitCode);
  if (lasting !== undefined) return { kind: 'unfit', why: lasting };
  const passing = exitCode === null ? undefined : PASSING.get(exitCode);
  if (passing !== undefined) return { kind: 'hindered', why: passing };
  if (word === undefined) return { kind: 'crashed' };
  return { kind: isOfTheSwarm(word) ? 'hindered' : 'unfit', why: word.message };
}

/** Nothing is wrong with the instance, or what it has: the others were not there to take it in. */
export function isOfTheSwarm(word: SwarmError): boolean {
  return word.code !== 'STOPPED' && instanceExitCode(word) === INSTANCE_EXIT.crashed;
}
