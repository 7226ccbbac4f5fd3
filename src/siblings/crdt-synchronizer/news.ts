import { mergeUpdates } from 'yjs';
import type { Clock } from '../../node/port.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { MAX_CRDT_FRAME_BYTES } from '../../protocol/limits.ts';
import type { Library } from './library.ts';
import { neighboursOf } from './neighbours.ts';
import { type NamedUpdate, NOTHING_KNOWN } from './peer-wire.ts';
import type { Peers } from './peers.ts';

interface NewsOptions {
  readonly self: NodeId;
  readonly library: Library;
  readonly peers: Peers;
  readonly clock: Clock;
  /** It takes less than there is to tell: what it lacks has to be found by comparing. */
  onLeftBehind(id: NodeId): void;
}

/** What changes within this time goes out together. */
const GATHER_MS: Millis = 20;

/** More updates of one document are told as one difference: to merge them costs the square of their number. */
const MERGED_AT_MOST = 32;

interface Change {
  readonly updates: Uint8Array[];
  /** Who told it, if all of it is from one; it need not be told back. */
  from: NodeId | undefined;
}

interface Outbox {
  isPushing: boolean;
  queue: NamedUpdate[];
  bytes: number;
}

/** Tells what is new at once, and keeps nothing for whoever is away. */
export class News {
  readonly #options: NewsOptions;
  readonly #changes = new Map<string, Change>();
  readonly #outboxes = new Map<NodeId, Outbox>();
  /** The clocks of a document when it was last told of. */
  readonly #told = new Map<string, Uint8Array>();
  #cancel: (() => void) | undefined;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** What is there at the start is no news. */
  start(): void {
    for (const name of this.#options.library.names) this.#noteTold(name);
  }

  stop(): void {
    this.#cancel?.();
  }

  add(name: string, update: Uint8Array, from: NodeId | undefined): void {
    const change = this.#changes.get(name);
    if (change === undefined) this.#changes.set(name, { updates: [update], from });
    else {
      change.updates.push(update);
      if (change.from !== from) change.from = undefined;
    }
    const { clock } = this.#options;
    this.#cancel ??= clock.setTimer(clock.now() + GATHER_MS, () => this.#tell());
  }

  keepOnly(members: readonly NodeId[]): void {
    for (const id of [...this.#outboxes.keys()]) if (!members.includes(id)) this.#outboxes.delete(id);
  }

  #tell(): void {
    this.#cancel = undefined;
    const { peers, self } = this.#options;
    const targets = neighboursOf(self, peers.reachable);
    for (const [name, change] of this.#changes) {
      const update = this.#updateOf(name, change);
      if (update === undefined) continue;
      for (const id of targets) if (id !== change.from) this.#put(id, [name, update]);
    }
    this.#changes.clear();
    for (const id of targets) this.#push(id);
  }

  #updateOf(name: string, { updates }: Change): Uint8Array | undefined {
    const document = this.#options.library.find(name);
    if (document === undefined) return undefined;
    const before = this.#told.get(name) ?? NOTHING_KNOWN;
    this.#noteTold(name);
    return updates.length <= MERGED_AT_MOST ? mergeUpdates(updates) : document.updateSince(before);
  }

  #noteTold(name: string): void {
    const vector = this.#options.library.find(name)?.stateVector;
    if (vector !== undefined) this.#told.set(name, vector);
  }

  #put(id: NodeId, update: NamedUpdate): void {
    const outbox = this.#outboxOf(id);
    outbox.queue.push(update);
    outbox.bytes += update[1].length;
    if (outbox.bytes <= MAX_CRDT_FRAME_BYTES) return;
    empty(outbox);
    this.#options.onLeftBehind(id);
  }

  #push(id: NodeId): void {
    const outbox = this.#outboxOf(id);
    if (outbox.isPushing || outbox.queue.length === 0) return;
    const updates = empty(outbox);
    outbox.isPushing = true;
    const { peers, self } = this.#options;
    peers.ask(id, { kind: 'push', from: self, updates }, (outcome) => {
      outbox.isPushing = false;
      if (outcome.ok) this.#push(id);
      // It is compared with when it is back.
      else empty(outbox);
    });
  }

  #outboxOf(id: NodeId): Outbox {
    const outbox = this.#outboxes.get(id) ?? { isPushing: false, queue: [], bytes: 0 };
    this.#outboxes.set(id, outbox);
    return outbox;
  }
}

function empty(outbox: Outbox): NamedUpdate[] {
  const updates = outbox.queue;
  outbox.queue = [];
  outbox.bytes = 0;
  return updates;
}
