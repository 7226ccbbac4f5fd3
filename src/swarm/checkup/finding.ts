import { SwarmError } from '../../protocol/errors.ts';

/**
 * One thing that `doctor` has to say.
 *
 * - `wrong`: something does not work, or will not.
 * - `note`: good to know; nothing has to be done.
 */
export interface Finding {
  readonly gravity: 'wrong' | 'note';
  readonly about: Topic;
  /** The file or folder that it is about; null: the machine. */
  readonly path: string | null;
  /** Name of the instance; null where it is about none of them alone. */
  readonly instance: string | null;
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Part of the contract of `doctor --json`: add, never rename. */
type Topic =
  | 'node-version'
  | 'disk-space'
  | 'read-only'
  | 'permissions'
  | 'owner'
  | 'missing'
  | 'unreadable'
  | 'roster'
  | 'identity'
  | 'majority'
  | 'foreign'
  | 'damaged'
  | 'quarantined'
  | 'removed'
  | 'stale-lock'
  | 'leftover'
  | 'port'
  | 'exit';

/** What a check found at one instance, or at none. */
export type Remark = Omit<Finding, 'gravity' | 'instance'>;

export function wrong(remark: Remark, instance: string | null = null): Finding {
  return { gravity: 'wrong', instance, ...remark };
}

export function note(remark: Remark, instance: string | null = null): Finding {
  return { gravity: 'note', instance, ...remark };
}

/** What the file system or one of our own readers refused, as something to be found. Bugs go on. */
export function refusal(error: unknown, { about, advice, path }: Omit<Remark, 'what'>): Remark {
  if (error instanceof SwarmError) {
    const { path: exact } = error.details;
    return { about, path: typeof exact === 'string' ? exact : path, what: error.message, advice };
  }
  if (error instanceof Error && 'syscall' in error) {
    const rights = 'give this user the right to read it (chown, chmod), or run as its owner';
    return { about: 'unreadable', path, what: error.message, advice: rights };
  }
  throw error;
}
