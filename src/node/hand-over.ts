import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { isVoter } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { Event, TransferReply } from '../raft/effects.ts';
import type { Clock } from './port.ts';

type Done = (outcome: Outcome<NodeId>) => void;

interface HandOverOptions {
  readonly core: Core;
  readonly clock: Clock;
  step(event: Event): void;
}

/** Leadership transfers somebody waits for: over when another leader is seen, or nobody took it. */
export class HandOver {
  readonly #options: HandOverOptions;
  #waiting: { readonly done: Done; readonly deadline: Millis }[] = [];

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  request(target: NodeId | undefined, done: Done): void {
    this.#await(done);
    this.#options.step({ type: 'transfer', target });
  }

  /** True on a leader that reaches another voter. */
  isPossible(): boolean {
    const { role, openLinks, membership } = this.#options.core;
    return role.kind === 'leader' && [...openLinks].some((peer) => isVoter(membership, peer));
  }

  /** Waits for the hand-over under way, or begins one. */
  giveAway(done: Done): void {
    const { role } = this.#options.core;
    if (role.kind === 'leader' && role.transfer !== undefined) this.#await(done);
    else this.request(undefined, done);
  }

  onReply(reply: TransferReply): void {
    if (reply.kind === 'handed-over') return;
    const error = new SwarmError(reply.code, reply.reason);
    // A refusal answers the request just made; one that began before goes on.
    if (reply.kind === 'refused') this.#waiting.pop()?.done({ ok: false, error });
    else this.fail(error);
  }

  onLeader(leaderId: NodeId | undefined): void {
    if (leaderId !== undefined && leaderId !== this.#options.core.id)
      this.#end({ ok: true, value: leaderId });
  }

  deadline(): Millis {
    return this.#waiting[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  expire(now: Millis): void {
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    const error = new SwarmError('TRANSFER_FAILED', 'nobody took leadership over in time');
    for (const { done } of late) done({ ok: false, error });
  }

  fail(error: SwarmError): void {
    this.#end({ ok: false, error });
  }

  #await(done: Done): void {
    const { clock, core } = this.#options;
    this.#waiting.push({ done, deadline: clock.now() + 2 * core.config.electionTimeoutMaxMs });
  }

  #end(outcome: Outcome<NodeId>): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done(outcome);
  }
}
