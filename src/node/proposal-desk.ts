import type { Entry } from '../protocol/entry.ts';
import type { LogIndex, Millis, NodeId } from '../protocol/ids.ts';
import { MAX_APPEND_BYTES } from '../protocol/limits.ts';
import type { Message, ProposalForward, ProposalReceipt, ProposalRefusal } from '../protocol/message.ts';
import type { Core } from '../raft/core.ts';
import type { ProposalReply } from '../raft/effects.ts';
import { type Done, type Proposal, Proposals } from './proposals.ts';
import { leaderOf } from './status.ts';

interface DeskOptions {
  readonly id: NodeId;
  /** Pause before commands that a leader refused for the moment are tried again. */
  readonly retryAfterMs: Millis;
  readonly core: Core;
  /** See `Proposals`. */
  readonly firstBatch: number;
  send(message: Message): void;
  append(commands: readonly Uint8Array[]): ProposalReply | undefined;
}

/** Takes commands to whoever leads: into the own log, or forwarded in batches to the leader. */
export class ProposalDesk<Result> {
  readonly #options: DeskOptions;
  readonly #proposals: Proposals<Result>;
  #forwards: ProposalForward[] = [];
  #retryAt: Millis = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#proposals = new Proposals(options.firstBatch);
  }

  get size(): number {
    return this.#proposals.size;
  }

  get bytes(): number {
    return this.#proposals.bytes;
  }

  add(command: Uint8Array, deadline: Millis, done: Done<Result>): void {
    this.#proposals.add(command, deadline, done);
  }

  /** True for what is of the desk, and of nobody else. */
  onMessage(message: Message): boolean {
    switch (message.type) {
      case 'proposal-forward':
        this.#onForward(message);
        return true;
      case 'proposal-receipt':
        this.#onReceipt(message);
        return true;
      case 'proposal-refusal':
        this.#onRefusal(message);
        return true;
      default:
        return false;
    }
  }

  /** A follower's commands: appended with our own at the end of the turn. */
  #onForward(forward: ProposalForward): void {
    this.#forwards.push(forward);
  }

  #onReceipt(receipt: ProposalReceipt): void {
    const proposals = this.#proposals.takeForwarded(receipt.batch);
    // Of a batch that has been refused nothing is left.
    if (proposals.length === 0) return;
    if (receipt.firstIndex !== undefined) this.#proposals.place(proposals, receipt.firstIndex, receipt.term);
    else this.#tryLater(proposals);
  }

  /** What the leader has no room for is no matter of a moment: whoever waits should hear of it. */
  #onRefusal({ batch, code }: ProposalRefusal): void {
    const message = 'the disk of the leader is nearly full; free some of it, then try again';
    this.#proposals.fail(this.#proposals.takeForwarded(batch), code, message);
  }

  onApplied(entry: Entry, result: Result | undefined): void {
    this.#proposals.onApplied(entry, result);
  }

  onRestored(index: LogIndex): void {
    this.#proposals.onRestored(index);
  }

  onLeaderChanged(leaderId: NodeId | undefined): void {
    this.#retryAt = 0;
    this.#proposals.onLeaderChanged(leaderId);
  }

  /** Receipts that were to come over this link do not come any more. */
  onLinkClosed(peer: NodeId): void {
    if (leaderOf(this.#options.core) === peer) this.#proposals.onLeaderChanged(undefined);
  }

  /** End of a turn: everything that gathered goes to the leader as one batch. */
  submit(now: Millis): void {
    const { core } = this.#options;
    this.#answerForwards();
    if (!this.#proposals.hasWaiting || now < this.#retryAt) return;
    const leaderId = reachableLeader(core);
    if (leaderId === undefined) return;
    const proposals = this.#proposals.takeWaiting();
    if (leaderId !== this.#options.id) {
      for (const batch of inBatches(proposals)) this.#forward(leaderId, batch);
      return;
    }
    for (const batch of inBatches(proposals)) this.#append(batch);
  }

  /** Batch by batch, so that what is uncommitted stays within its bound. */
  #append(proposals: readonly Proposal<Result>[]): void {
    const reply = this.#options.append(proposals.map(({ command }) => command));
    if (reply?.kind === 'appended') {
      this.#proposals.place(proposals, reply.firstIndex, this.#options.core.term);
    } else if (reply?.code === 'BUSY') {
      this.#proposals.fail(proposals, 'BUSY', 'too much is uncommitted; try again in a moment');
    } else if (reply?.code === 'DISK_FULL') {
      this.#proposals.fail(
        proposals,
        'DISK_FULL',
        'the disk is nearly full; free some of it, then try again',
      );
    } else this.#tryLater(proposals);
  }

  deadline(): Millis {
    const retryAt =
      this.#proposals.hasWaiting && this.#retryAt > 0 ? this.#retryAt : Number.POSITIVE_INFINITY;
    return Math.min(this.#proposals.deadline(), retryAt);
  }

  expire(now: Millis): void {
    if (now >= this.#retryAt) this.#retryAt = 0;
    this.#proposals.expire(now, { hasLeader: leaderOf(this.#options.core) !== undefined });
  }

  /** See `Proposals`. */
  stop(message: string): void {
    this.#forwards = [];
    this.#proposals.stop(message);
  }

  #forward(leaderId: NodeId, proposals: readonly Proposal<Result>[]): void {
    const { id, core } = this.#options;
    this.#options.send({
      type: 'proposal-forward',
      from: id,
      to: leaderId,
      term: core.term,
      batch: this.#proposals.forward(leaderId, proposals),
      commands: proposals.map(({ command }) => command),
    });
  }

  #answerForwards(): void {
    const forwards = this.#forwards;
    this.#forwards = [];
    const { id, core } = this.#options;
    for (const { from, batch, commands } of forwards) {
      const reply = this.#options.append(commands);
      const firstIndex: LogIndex | undefined = reply?.kind === 'appended' ? reply.firstIndex : undefined;
      const envelope = { from: id, to: from, term: core.term, batch };
      if (reply?.kind === 'refused' && reply.code === 'DISK_FULL') {
        this.#options.send({ type: 'proposal-refusal', ...envelope, code: reply.code });
      }
      this.#options.send({ type: 'proposal-receipt', ...envelope, firstIndex });
    }
  }

  #tryLater(proposals: readonly Proposal<Result>[]): void {
    this.#proposals.putBack(proposals);
    this.#retryAt = this.#options.core.now + this.#options.retryAfterMs;
  }
}

/** The leader, while there is a way to it: a command sent over a closed link would be lost for certain. */
function reachableLeader(core: Core): NodeId | undefined {
  const leaderId = leaderOf(core);
  if (leaderId === undefined || leaderId === core.id) return leaderId;
  return core.openLinks.has(leaderId) ? leaderId : undefined;
}

/** Cuts a queue into batches that stay far below the frame limit. */
function inBatches<Result>(proposals: readonly Proposal<Result>[]): Proposal<Result>[][] {
  const batches: Proposal<Result>[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const proposal of proposals) {
    bytes += proposal.command.byteLength;
    const current = batches.at(-1);
    if (current === undefined || bytes > MAX_APPEND_BYTES) {
      batches.push([proposal]);
      bytes = proposal.command.byteLength;
    } else current.push(proposal);
  }
  return batches;
}
