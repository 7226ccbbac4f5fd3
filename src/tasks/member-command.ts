/** What the log says of who belongs to the swarm, what they understand, and what siblings keep. */

/** Gives a newcomer an id that nobody had before and nobody gets again: its name and its place in the log. */
export interface EnrolCommand {
  readonly kind: 'enrol';
  /** What people call it; several may be called so. */
  readonly name: string;
}

/** Says where a member is to be found now. */
export interface AnnounceCommand {
  readonly kind: 'announce';
  readonly memberId: string;
  /** `ws://host:port` */
  readonly url: string;
}

/** Strikes a member out of the book, and takes back what it worked on. */
export interface RetireCommand {
  readonly kind: 'retire';
  readonly memberId: string;
}

/** Every member understands commands up to this level from now on. Proposed by the coordinator. */
export interface RaiseLevelCommand {
  readonly kind: 'raise-level';
  readonly level: number;
}

/** Every replica notes what its state has come to here, so that they can be compared. */
export interface CheckpointCommand {
  readonly kind: 'checkpoint';
  /** Keep the state as it is here until somebody has looked at all of it. */
  readonly full: boolean;
}

/** One value that a sibling keeps by name. */
export interface RecordWrite {
  /** Whose it is: `quorum`, `security`, `audit`, `crdt`. */
  readonly namespace: string;
  readonly key: string;
  /** Usually JSON. Absent: it is removed. */
  readonly value?: string;
  /** The version it must have for the command to count; 0: it must not be there. Absent: whatever it has. */
  readonly expect?: number;
}

/** What siblings keep in the log: all writes or none, each only if nobody else was faster. */
export interface RecordCommand {
  readonly kind: 'record';
  readonly writes: readonly RecordWrite[];
}
