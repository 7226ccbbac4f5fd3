/** What can go wrong in operation. A code is part of the contract: add, never rename. */
export type ErrorCode =
  // Consensus
  | 'NOT_LEADER'
  | 'NO_QUORUM'
  | 'BUSY'
  | 'PROPOSAL_DROPPED'
  | 'OUTCOME_UNKNOWN'
  | 'PROPOSAL_TOO_LARGE'
  | 'TRANSFER_IN_PROGRESS'
  | 'TRANSFER_FAILED'
  | 'NOT_READY'
  | 'CHANGE_IN_FLIGHT'
  | 'JOINT_PHASE'
  | 'NOT_JOINT'
  | 'NEEDS_JOINT'
  | 'NO_VOTERS_LEFT'
  | 'UNKNOWN_MEMBER'
  | 'UNSAFE_CHANGE'
  | 'REMOVED'
  | 'STOPPED'
  | 'TIMEOUT'
  // Tasks
  | 'UNKNOWN_TASK'
  | 'DUPLICATE_TASK'
  | 'UNKNOWN_DEPENDENCY'
  | 'CYCLIC_DEPENDENCY'
  | 'STALE_FENCE'
  | 'NOTHING_READY'
  | 'NOT_CLAIMABLE'
  | 'WRONG_STATE'
  | 'UNKNOWN_INSTANCE'
  | 'UNKNOWN_RESERVATION'
  | 'RESERVED'
  | 'STALE_EXPIRY'
  | 'SESSION_EXPIRED'
  | 'LIMIT_EXCEEDED'
  | 'PAUSED'
  | 'BUDGET_EXHAUSTED'
  | 'LEVEL_TOO_LOW'
  | 'UNKNOWN_BLOB'
  | 'STALE_VERSION'
  | 'UNKNOWN_DOCUMENT'
  // Storage and transport
  | 'DATA_LOCKED'
  | 'DATA_DAMAGED'
  | 'DATA_FOREIGN'
  | 'DIVERGED'
  | 'QUARANTINED'
  | 'DISK_FAILED'
  | 'DISK_FULL'
  | 'PORT_IN_USE'
  | 'WRONG_CLUSTER'
  | 'WRONG_PROTOCOL'
  | 'UNKNOWN_NODE'
  | 'UNAUTHORIZED'
  | 'REVOKED'
  | 'MALFORMED'
  | 'OUT_OF_SEQUENCE'
  // People's input
  | 'BAD_INPUT'
  | 'ALREADY_RUNNING'
  | 'NOT_RUNNING'
  | 'HOOK_DENIED';

/**
 * The one error class for operation. The message says what was expected, what came, and
 * what to do next; `details` carries the same facts for programs.
 */
export class SwarmError extends Error {
  override readonly name = 'SwarmError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** What a call that may be refused gives back where throwing would be too far from the asker. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: SwarmError };
