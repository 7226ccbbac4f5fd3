import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, Millis } from '../protocol/ids.ts';
import type { ReadReply, ReadTrust } from '../raft/effects.ts';

interface Barrier {
  readonly done: (outcome: Outcome<LogIndex>) => void;
  readonly deadline: Millis;
  readonly trust: ReadTrust;
}

/** To be put to the core. */
interface ReadAttempt {
  readonly context: number;
  readonly trust: ReadTrust;
}

const TRUSTS: readonly ReadTrust[] = ['quorum', 'lease'];

interface Attempt {
  readonly barriers: readonly Barrier[];
  readonly retryAt: Millis;
}

/**
 * Read barriers under way: `waiting` for the next attempt, in an `attempt` with its own context (a
 * context used again, by a retry or by the node's next life, could be answered with a stale index),
 * then `confirmed` at an index that must still be applied. Thesis §6.4
 */
export class ReadBarriers {
  #waiting: Barrier[] = [];
  readonly #attempts = new Map<number, Attempt>();
  #confirmed: { readonly index: LogIndex; readonly barriers: readonly Barrier[] }[] = [];
  #size = 0;
  #nextContext: number;
  /** 0 when the next turn may ask. */
  #retryAt: Millis = 0;

  /** `firstContext`: nowhere near those of an earlier life. */
  constructor(firstContext: number) {
    this.#nextContext = firstContext;
  }

  /** Barriers that have not been answered. */
  get size(): number {
    return this.#size;
  }

  add(barrier: Barrier): void {
    this.#size += 1;
    this.#waiting.push(barrier);
  }

  /** Starts one attempt for all that wait and trust alike. Returns what is to be asked. */
  begin(now: Millis, retryAt: Millis): readonly ReadAttempt[] {
    if (this.#waiting.length === 0 || now < this.#retryAt) return [];
    const waiting = this.#waiting;
    this.#waiting = [];
    return TRUSTS.flatMap((trust) => {
      const barriers = waiting.filter((barrier) => barrier.trust === trust);
      if (barriers.length === 0) return [];
      const context = this.#nextContext++;
      this.#attempts.set(context, { barriers, retryAt });
      return [{ context, trust }];
    });
  }

  onReply(reply: ReadReply, appliedIndex: LogIndex, retryAt: Millis): void {
    const attempt = this.#attempts.get(reply.context);
    if (attempt === undefined) return;
    this.#attempts.delete(reply.context);
    if (reply.index === undefined) {
      this.#waiting.push(...attempt.barriers);
      this.#retryAt = retryAt;
      return;
    }
    this.#confirmed.push({ index: reply.index, barriers: attempt.barriers });
    this.onApplied(appliedIndex);
  }

  /** A leader has been found: no reason to pause any longer. */
  retryNow(): void {
    this.#retryAt = 0;
  }

  onApplied(appliedIndex: LogIndex): void {
    if (this.#confirmed.length === 0) return;
    const served = this.#confirmed.filter(({ index }) => index <= appliedIndex);
    this.#confirmed = this.#confirmed.filter(({ index }) => index > appliedIndex);
    for (const { barriers } of served) {
      this.#size -= barriers.length;
      for (const { done } of barriers) done({ ok: true, value: appliedIndex });
    }
  }

  /** When the next retry or expiry is due. */
  deadline(): Millis {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { retryAt } of this.#attempts.values()) earliest = Math.min(earliest, retryAt);
    if (this.#waiting.length > 0 && this.#retryAt > 0) earliest = Math.min(earliest, this.#retryAt);
    for (const { barriers } of this.#confirmed) {
      for (const { deadline } of barriers) earliest = Math.min(earliest, deadline);
    }
    return earliest;
  }

  /** Takes back attempts that nobody answered, and ends barriers that have waited too long. */
  expire(now: Millis): void {
    if (now >= this.#retryAt) this.#retryAt = 0;
    for (const [context, attempt] of this.#attempts) {
      if (attempt.retryAt > now) continue;
      this.#attempts.delete(context);
      this.#waiting.push(...attempt.barriers);
    }
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    this.#confirmed = this.#confirmed.flatMap(({ index, barriers }) => {
      late.push(...barriers.filter(({ deadline }) => deadline <= now));
      const open = barriers.filter(({ deadline }) => deadline > now);
      return open.length === 0 ? [] : [{ index, barriers: open }];
    });
    this.#size -= late.length;
    end(
      late,
      new SwarmError('NO_QUORUM', 'no leader confirmed the read in time. Check that a majority is up'),
    );
  }

  failAll(error: SwarmError): void {
    const attempts = [...this.#attempts.values()].flatMap(({ barriers }) => barriers);
    const confirmed = this.#confirmed.flatMap(({ barriers }) => barriers);
    const waiting = this.#waiting;
    this.#attempts.clear();
    this.#confirmed = [];
    this.#waiting = [];
    this.#size = 0;
    end([...attempts, ...confirmed, ...waiting], error);
  }
}

function end(barriers: readonly Barrier[], error: SwarmError): void {
  for (const { done } of barriers) done({ ok: false, error });
}
