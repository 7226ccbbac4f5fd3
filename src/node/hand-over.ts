import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import type { TransferReply } from '../raft/effects.ts';

type Done = (outcome: Outcome<NodeId>) => void;

/** Leadership transfers somebody waits for: over when another leader is seen, or nobody took it. */
export class HandOver {
  #waiting: { readonly done: Done; readonly deadline: Millis }[] = [];

  begin(done: Done, deadline: Millis): void {
    this.#waiting.push({ done, deadline });
  }

  onReply(reply: TransferReply): void {
    if (reply.kind === 'handed-over') return;
    const error = new SwarmError(reply.code, reply.reason);
    // A refusal answers the request just made; one that began before goes on.
    if (reply.kind === 'refused') this.#waiting.pop()?.done({ ok: false, error });
    else this.fail(error);
  }

  onLeader(leaderId: NodeId | undefined, self: NodeId): void {
    if (leaderId !== undefined && leaderId !== self) this.#end({ ok: true, value: leaderId });
  }

  deadline(): Millis {
    return this.#waiting[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  expire(now: Millis): void {
    if (this.deadline() > now) return;
    this.fail(new SwarmError('TRANSFER_FAILED', 'nobody took leadership over in time'));
  }

  fail(error: SwarmError): void {
    this.#end({ ok: false, error });
  }

  #end(outcome: Outcome<NodeId>): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done(outcome);
  }
}
