import type { Millis } from '../../protocol/ids.ts';
import { AUDIT_WINDOW_MS, MAX_AUDIT_TALLIES } from '../../protocol/limits.ts';

/** Something to be counted. */
interface Seen {
  readonly subject: string;
  readonly kind: string;
  readonly detail: string;
}

export interface Counted extends Seen {
  readonly count: number;
}

interface Entry extends Seen {
  count: number;
  detail: string;
  /** Until then it is only counted. */
  notBefore: Millis;
}

const OTHERS = 'others';

/**
 * Counts by subject and kind, and gives each out once a window: the first time at once, then how often it was since. So
 * whoever wants to fill the audit log by misbehaving writes one line a minute.
 */
export class Tally {
  readonly #entries = new Map<string, Entry>();

  add(seen: Seen, count = 1): void {
    const entry = this.#find(seen);
    entry.count += count;
    entry.detail = seen.detail;
  }

  /** What is to be said now; it is counted from 0 again. */
  take(now: Millis): readonly Counted[] {
    const due: Counted[] = [];
    for (const [name, entry] of this.#entries) {
      if (entry.notBefore > now) continue;
      if (entry.count === 0) {
        this.#entries.delete(name);
        continue;
      }
      const { subject, kind, detail, count } = entry;
      due.push({ subject, kind, detail, count });
      entry.count = 0;
      entry.notBefore = now + AUDIT_WINDOW_MS;
    }
    return due;
  }

  /** When `take` has something to say; undefined: nothing was seen. */
  get dueAt(): Millis | undefined {
    const waiting = [...this.#entries.values()].filter(({ count }) => count > 0);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ notBefore }) => notBefore));
  }

  #find({ subject, kind, detail }: Seen): Entry {
    const known = this.#entries.get(nameOf(subject, kind));
    if (known !== undefined) return known;
    const isFull = this.#entries.size >= MAX_AUDIT_TALLIES;
    const who = isFull ? OTHERS : subject;
    const name = nameOf(who, kind);
    const entry = this.#entries.get(name) ?? { subject: who, kind, detail, count: 0, notBefore: 0 };
    this.#entries.set(name, entry);
    return entry;
  }
}

/** Kinds have no space in them. */
function nameOf(subject: string, kind: string): string {
  return `${kind} ${subject}`;
}
