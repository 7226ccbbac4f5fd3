import type { Entry } from '../protocol/entry.ts';
import { type ErrorCode, type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, Millis, NodeId, Term } from '../protocol/ids.ts';
import type { Applied } from './port.ts';

export type Done<Result> = (outcome: Outcome<Applied<Result>>) => void;

/**
 * A command somebody waits for: `waiting` for a leader, `forwarded` to it without a receipt, `placed` at an
 * index of the log, and at last `settled`: its `done` was called, once.
 */
export interface Proposal<Result> {
  readonly command: Uint8Array;
  readonly done: Done<Result>;
  readonly deadline: Millis;
  stage: 'waiting' | 'forwarded' | 'placed' | 'settled';
}

interface Placed<Result> {
  readonly term: Term;
  readonly proposal: Proposal<Result>;
}

/** Keeps every command under way, and settles each exactly once. */
export class Proposals<Result> {
  /** In order of their deadlines, because all have the same patience. */
  #byAge: Proposal<Result>[] = [];
  #waiting: Proposal<Result>[] = [];
  readonly #forwarded = new Map<
    number,
    { readonly leader: NodeId; readonly proposals: readonly Proposal<Result>[] }
  >();
  /** Several may hope for one index: each leader that took one of them called it so, in its own term. */
  readonly #placed = new Map<LogIndex, Placed<Result>[]>();
  #size = 0;
  #bytes = 0;
  #nextBatch: number;

  /**
   * `firstBatch` must differ between the lives of a node: a receipt that was on its way to the former one
   * would else be taken for a receipt of this one.
   */
  constructor(firstBatch: number) {
    this.#nextBatch = firstBatch;
  }

  /** Commands that are not settled. */
  get size(): number {
    return this.#size;
  }

  /** Of the same. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(command: Uint8Array, deadline: Millis, done: Done<Result>): void {
    const proposal: Proposal<Result> = { command, deadline, done, stage: 'waiting' };
    this.#size += 1;
    this.#bytes += command.byteLength;
    this.#byAge.push(proposal);
    this.#waiting.push(proposal);
  }

  takeWaiting(): readonly Proposal<Result>[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** Back to the front of the queue: the leader took nothing of them. */
  putBack(proposals: readonly Proposal<Result>[]): void {
    const open = proposals.filter(({ stage }) => stage !== 'settled');
    for (const proposal of open) proposal.stage = 'waiting';
    this.#waiting = [...open, ...this.#waiting];
  }

  /** Notes that `proposals` have left for `leader`; returns the batch number to send with them. */
  forward(leader: NodeId, proposals: readonly Proposal<Result>[]): number {
    const batch = this.#nextBatch++;
    for (const proposal of proposals) proposal.stage = 'forwarded';
    this.#forwarded.set(batch, { leader, proposals });
    return batch;
  }

  /** The receipt of a forwarded batch has come, or will never come. */
  takeForwarded(batch: number): readonly Proposal<Result>[] {
    const proposals = this.#forwarded.get(batch)?.proposals ?? [];
    this.#forwarded.delete(batch);
    return proposals;
  }

  place(proposals: readonly Proposal<Result>[], firstIndex: LogIndex, term: Term): void {
    proposals.forEach((proposal, at) => {
      if (proposal.stage === 'settled') return;
      proposal.stage = 'placed';
      const index = (firstIndex + at) as LogIndex;
      const rivals = this.#placed.get(index);
      if (rivals === undefined) this.#placed.set(index, [{ term, proposal }]);
      else rivals.push({ term, proposal });
    });
  }

  /** The entry that was committed at a place decides whose command it was. */
  onApplied(entry: Entry, result: Result | undefined): void {
    const placed = this.#placed.get(entry.index);
    if (placed === undefined) return;
    this.#placed.delete(entry.index);
    for (const { proposal, term } of placed) {
      if (term === entry.term && entry.kind === 'command') {
        this.#settle(proposal, { ok: true, value: { index: entry.index, result: result as Result } });
      } else {
        const message = `another leader's entry took place ${entry.index}; propose again`;
        this.fail([proposal], 'PROPOSAL_DROPPED', message);
      }
    }
  }

  /** A snapshot took the place of the entries up to `index`: whose they were is not known any more. */
  onRestored(index: LogIndex): void {
    for (const [at, placed] of this.#placed) {
      if (at > index) continue;
      this.#placed.delete(at);
      const proposals = placed.map(({ proposal }) => proposal);
      this.fail(proposals, 'OUTCOME_UNKNOWN', `a snapshot took the place of entry ${at}`);
    }
  }

  /** Whatever was forwarded to somebody else than `leader` gets no receipt any more. */
  onLeaderChanged(leader: NodeId | undefined): void {
    for (const [batch, forwarded] of this.#forwarded) {
      if (forwarded.leader === leader) continue;
      const message = `leader ${forwarded.leader} was lost before it answered`;
      this.fail(this.takeForwarded(batch), 'OUTCOME_UNKNOWN', message);
    }
  }

  /** When the oldest command runs out of time. */
  deadline(): Millis {
    this.#dropSettled();
    return this.#byAge[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  /** `hasLeader`: a command that waits all the same is one that the leader would not take. */
  expire(now: Millis, { hasLeader }: { readonly hasLeader: boolean }): void {
    while (this.deadline() <= now) {
      const [oldest] = this.#byAge;
      if (oldest === undefined) return;
      if (oldest.stage === 'waiting') {
        if (hasLeader) this.fail([oldest], 'BUSY', 'the leader has taken nothing in time; try again later');
        else {
          const message = 'no leader was known in time; nothing was proposed. Check that a majority is up';
          this.fail([oldest], 'NO_QUORUM', message);
        }
      } else this.fail([oldest], 'OUTCOME_UNKNOWN', 'the command was not committed in time');
    }
    this.#waiting = this.#waiting.filter(({ stage }) => stage !== 'settled');
  }

  /** The node stops. Only of what never left it is it certain that nothing comes of it. */
  stop(message: string): void {
    this.fail(this.#waiting, 'STOPPED', message);
    this.fail(this.#byAge, 'OUTCOME_UNKNOWN', `${message} before the command was settled`);
    this.#waiting = [];
    this.#forwarded.clear();
    this.#placed.clear();
  }

  /** Ends `proposals` with an error; those that are settled already hear nothing. */
  fail(proposals: readonly Proposal<Result>[], code: ErrorCode, message: string): void {
    for (const proposal of proposals)
      this.#settle(proposal, { ok: false, error: new SwarmError(code, message) });
  }

  #settle(proposal: Proposal<Result>, outcome: Outcome<Applied<Result>>): void {
    if (proposal.stage === 'settled') return;
    proposal.stage = 'settled';
    this.#size -= 1;
    this.#bytes -= proposal.command.byteLength;
    proposal.done(outcome);
  }

  /** Settled ones are left in the queue until they come to its front. */
  #dropSettled(): void {
    const open = this.#byAge.findIndex(({ stage }) => stage !== 'settled');
    if (open < 0) this.#byAge = [];
    else if (open > 0) this.#byAge.splice(0, open);
  }
}
