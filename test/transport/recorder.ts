import type { NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { TransportListener } from '../../src/transport/port.ts';

/** Keeps what happened and wakes whoever waits for it: tests wait on events, never on time. */
export class Recorder<Item> {
  readonly items: Item[] = [];
  private waiting: (() => void)[] = [];

  add(item: Item): void {
    this.items.push(item);
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves once `holds` says so of all that was recorded. */
  async until(holds: (items: readonly Item[]) => boolean): Promise<void> {
    while (!holds(this.items)) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
  }

  async untilHas(wanted: (item: Item) => boolean): Promise<void> {
    await this.until((items) => items.some(wanted));
  }
}

export type LinkEvent =
  | { readonly kind: 'opened' | 'closed'; readonly peer: NodeId }
  | { readonly kind: 'frame'; readonly from: NodeId; readonly messages: readonly Message[] };

export class TransportRecorder extends Recorder<LinkEvent> implements TransportListener {
  /** Nobody is let in who is no peer, unless a test says otherwise. */
  onStranger: (peer: NodeId) => boolean = () => false;

  onMessages(from: NodeId, messages: readonly Message[]): void {
    this.add({ kind: 'frame', from, messages });
  }

  onLinkOpened(peer: NodeId): void {
    this.add({ kind: 'opened', peer });
  }

  onLinkClosed(peer: NodeId): void {
    this.add({ kind: 'closed', peer });
  }

  /** How often `peer`'s link was opened or closed. */
  count(kind: 'opened' | 'closed', peer: NodeId): number {
    return this.items.filter((item) => item.kind === kind && item.peer === peer).length;
  }

  async untilCount(kind: 'opened' | 'closed', peer: NodeId, count: number): Promise<void> {
    await this.until(() => this.count(kind, peer) >= count);
  }

  /** The frames of `from`, each as the messages it held. */
  frames(from: NodeId): readonly (readonly Message[])[] {
    const frames: (readonly Message[])[] = [];
    for (const item of this.items)
      if (item.kind === 'frame' && item.from === from) frames.push(item.messages);
    return frames;
  }

  async untilFrames(from: NodeId, count: number): Promise<void> {
    await this.until(() => this.frames(from).length >= count);
  }
}
