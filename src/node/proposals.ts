import type { Entry } from '../protocol/entry.ts';
import { type ErrorCode, type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, Millis, NodeId, Term } from '../protocol/ids.ts';
import type { Applied } from './port.ts';

export type Done<Result> = (outcome: Outcome<Applied<Result>>) => void;

/** A command somebody waits for. */
export interface Proposal<Result> {
  readonly command: Uint8Array;
  readonly done: Done<Result>;
  readonly deadline: Millis;
}

interface Placed<Result> {
  readonly term: Term;
  readonly proposal: Proposal<Result>;
}

/**
 * Commands under way, in three stages: `waiting` for a leader, `forwarded` to it without a receipt,
 * `placed` at an index of the log. Each proposal is in exactly one of them until its `done` is called.
 */
export class Proposals<Result> {
  #waiting: Proposal<Result>[] = [];
  readonly #forwarded = new Map<
    number,
    { readonly leader: NodeId; readonly proposals: Proposal<Result>[] }
  >();
  readonly #placed = new Map<LogIndex, Placed<Result>>();
  #forwardedCount = 0;
  #nextBatch = 1;

  get size(): number {
    return this.#waiting.length + this.#forwardedCount + this.#placed.size;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(proposal: Proposal<Result>): void {
    this.#waiting.push(proposal);
  }

  takeWaiting(): Proposal<Result>[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** Back to the front of the queue: the leader took nothing of them. */
  putBack(proposals: readonly Proposal<Result>[]): void {
    this.#waiting = [...proposals, ...this.#waiting];
  }

  /** Notes that `proposals` have left for `leader`; returns the batch number to send with them. */
  forward(leader: NodeId, proposals: Proposal<Result>[]): number {
    const batch = this.#nextBatch++;
    this.#forwarded.set(batch, { leader, proposals });
    this.#forwardedCount += proposals.length;
    return batch;
  }

  /** The receipt of a forwarded batch has come, or will never come. */
  takeForwarded(batch: number): Proposal<Result>[] {
    const proposals = this.#forwarded.get(batch)?.proposals ?? [];
    this.#forwarded.delete(batch);
    this.#forwardedCount -= proposals.length;
    return proposals;
  }

  place(proposals: readonly Proposal<Result>[], firstIndex: LogIndex, term: Term): void {
    proposals.forEach((proposal, at) => {
      this.#placed.set((firstIndex + at) as LogIndex, { term, proposal });
    });
  }

  /** The entry that was committed at a place decides whose command it was. */
  onApplied(entry: Entry, result: Result | undefined): void {
    const placed = this.#placed.get(entry.index);
    if (placed === undefined) return;
    this.#placed.delete(entry.index);
    if (placed.term === entry.term && entry.kind === 'command') {
      placed.proposal.done({ ok: true, value: { index: entry.index, result: result as Result } });
    } else {
      fail(
        [placed.proposal],
        'PROPOSAL_DROPPED',
        `a new leader's entry took place ${entry.index}; propose again`,
      );
    }
  }

  /** Whatever was forwarded to somebody else than `leader` gets no receipt any more. */
  onLeaderChanged(leader: NodeId | undefined): void {
    for (const [batch, forwarded] of this.#forwarded) {
      if (forwarded.leader === leader) continue;
      fail(
        this.takeForwarded(batch),
        'OUTCOME_UNKNOWN',
        `leader ${forwarded.leader} was lost before it answered`,
      );
    }
  }

  /** When the oldest proposal runs out of time. */
  deadline(): Millis {
    let earliest = this.#waiting[0]?.deadline ?? Number.POSITIVE_INFINITY;
    // Maps keep insertion order, and deadlines rise with it.
    for (const { proposals } of this.#forwarded.values()) {
      earliest = Math.min(earliest, proposals[0]?.deadline ?? Number.POSITIVE_INFINITY);
      break;
    }
    for (const { proposal } of this.#placed.values()) {
      earliest = Math.min(earliest, proposal.deadline);
      break;
    }
    return earliest;
  }

  expire(now: Millis): void {
    const expired = (proposal: Proposal<Result>): boolean => proposal.deadline <= now;
    const late = this.#waiting.filter(expired);
    this.#waiting = this.#waiting.filter((proposal) => !expired(proposal));
    fail(late, 'NO_QUORUM', 'no leader was known in time; nothing was proposed. Check that a majority is up');
    for (const [batch, { proposals }] of this.#forwarded) {
      if (proposals.some(expired))
        fail(this.takeForwarded(batch), 'OUTCOME_UNKNOWN', 'the leader did not answer in time');
    }
    for (const [index, { proposal }] of this.#placed) {
      if (!expired(proposal)) break;
      this.#placed.delete(index);
      fail([proposal], 'OUTCOME_UNKNOWN', `entry ${index} was not committed in time`);
    }
  }

  failAll(code: ErrorCode, message: string): void {
    const placed = [...this.#placed.values()].map(({ proposal }) => proposal);
    const forwarded = [...this.#forwarded.keys()].flatMap((batch) => this.takeForwarded(batch));
    this.#placed.clear();
    fail([...placed, ...forwarded, ...this.takeWaiting()], code, message);
  }
}

/** Ends `proposals` with an error. */
export function fail<Result>(proposals: readonly Proposal<Result>[], code: ErrorCode, message: string): void {
  for (const { done } of proposals) done({ ok: false, error: new SwarmError(code, message) });
}
