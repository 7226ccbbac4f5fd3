import type { NodeId } from '../../src/protocol/ids.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a process hears of its links. */
export interface Endpoint {
  readonly id: NodeId;
  /** False once the process is gone. */
  readonly isAlive: () => boolean;
  readonly onOpened: (peer: NodeId) => void;
  readonly onClosed: (peer: NodeId) => void;
}

export interface LinkWorld {
  readonly time: VirtualTime;
  /** The process that has the name now, if it accepts a link to `peer`. */
  endpoint(id: NodeId, peer: NodeId): Endpoint | undefined;
  /** Can bytes travel this way? */
  isPassable(from: NodeId, to: NodeId): boolean;
  delay(): number;
}

/** How long an end believes in a link over which nothing can travel. */
const KEEP_ALIVE_MS = 4000;

/**
 * The connection of two nodes. Each end learns of opening and closing at a time of its own; a new one is
 * not begun before both ends have left the old one.
 */
export class Link {
  readonly #world: LinkWorld;
  readonly #names: readonly [NodeId, NodeId];
  /** Who holds the link open as far as it knows. */
  readonly #open = new Map<NodeId, Endpoint>();
  #phase: 'closed' | 'connecting' | 'open' | 'closing' = 'closed';
  #epoch = 0;

  constructor(world: LinkWorld, names: readonly [NodeId, NodeId]) {
    this.#world = world;
    this.#names = names;
  }

  /** Counts openings: a frame belongs to the opening it was sent in. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Does the process called `id` hold the link open? */
  isOpenAt(id: NodeId): boolean {
    return this.#open.get(id)?.isAlive() === true;
  }

  /** Begins to connect when both ends and the way between them allow it. */
  reconsider(): void {
    this.#forgetTheDead();
    // To be let in by one end may have begun it already.
    if (this.#endpoints() === undefined || this.#phase !== 'closed') return;
    this.#phase = 'connecting';
    this.#later(undefined, this.#world.delay() + this.#world.delay(), () => this.#connected());
  }

  /** Ends the connection. Each end hears of it when the other can reach it, or from its keep-alive. */
  close(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    for (const endpoint of this.#open.values()) this.#tellClosed(endpoint);
    this.reconsider();
  }

  /** The way between the ends has changed: whoever could not hear of the close may hear of it now. */
  onPassable(): void {
    if (this.#phase === 'closing') for (const endpoint of this.#open.values()) this.#tellClosed(endpoint);
    this.reconsider();
  }

  #connected(): void {
    const ends = this.#endpoints();
    this.#phase = 'closed';
    if (ends === undefined) return;
    this.#phase = 'open';
    this.#epoch += 1;
    const epoch = this.#epoch;
    for (const endpoint of ends) {
      const peer = this.#peerOf(endpoint.id);
      this.#later(endpoint.id, this.#world.delay(), () => {
        if (!endpoint.isAlive() || this.#epoch !== epoch || this.#phase !== 'open') return this.reconsider();
        this.#open.set(endpoint.id, endpoint);
        endpoint.onOpened(peer);
      });
    }
  }

  #tellClosed(endpoint: Endpoint): void {
    const epoch = this.#epoch;
    const peer = this.#peerOf(endpoint.id);
    const wait = this.#world.isPassable(peer, endpoint.id) ? this.#world.delay() : KEEP_ALIVE_MS;
    this.#later(endpoint.id, wait, () => {
      if (this.#epoch !== epoch || this.#open.get(endpoint.id) !== endpoint) return;
      this.#open.delete(endpoint.id);
      if (endpoint.isAlive()) endpoint.onClosed(peer);
      this.reconsider();
    });
  }

  /** A close is over when nobody that lives believes in the link any more. */
  #forgetTheDead(): void {
    if (this.#phase !== 'closing') return;
    for (const [id, endpoint] of this.#open) if (!endpoint.isAlive()) this.#open.delete(id);
    if (this.#open.size === 0) this.#phase = 'closed';
  }

  #endpoints(): readonly [Endpoint, Endpoint] | undefined {
    const [left, right] = this.#names;
    const world = this.#world;
    if (world.time.isPaused(left) || world.time.isPaused(right)) return undefined;
    if (!world.isPassable(left, right) || !world.isPassable(right, left)) return undefined;
    const ends = [world.endpoint(left, right), world.endpoint(right, left)] as const;
    return ends[0] === undefined || ends[1] === undefined ? undefined : [ends[0], ends[1]];
  }

  #peerOf(id: NodeId): NodeId {
    return this.#names[0] === id ? this.#names[1] : this.#names[0];
  }

  #later(owner: NodeId | undefined, delay: number, run: () => void): void {
    const { time } = this.#world;
    time.schedule({ at: time.now + delay, owner, run });
  }
}
