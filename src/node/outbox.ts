import type { NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { Transport } from '../transport/port.ts';

/**
 * What is to be sent: gathered over one loop turn so that each peer gets one frame, and held back
 * while a write that it speaks of is not durable.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #ready = new Map<NodeId, Message[]>();
  #held: { readonly sequence: number; readonly messages: readonly Message[] }[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  add(messages: readonly Message[]): void {
    for (const message of messages) {
      const frame = this.#ready.get(message.to);
      if (frame === undefined) this.#ready.set(message.to, [message]);
      else frame.push(message);
    }
  }

  /** Holds `messages` back until write `sequence` is durable. */
  hold(messages: readonly Message[], sequence: number): void {
    if (messages.length > 0) this.#held.push({ sequence, messages });
  }

  /** Every write up to `sequence` is durable: what waited for them may leave. */
  release(sequence: number): void {
    const waiting = this.#held.findIndex((batch) => batch.sequence > sequence);
    const released = waiting < 0 ? this.#held : this.#held.slice(0, waiting);
    this.#held = waiting < 0 ? [] : this.#held.slice(waiting);
    for (const batch of released) this.add(batch.messages);
  }

  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Sends one frame to each peer that has something waiting. */
  flush(): void {
    for (const [peer, messages] of this.#ready) this.#transport.send(peer, messages);
    this.#ready.clear();
  }
}
