import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { decodeMessages } from '../../src/transport/codec-decode.ts';
import { encodeMessages } from '../../src/transport/codec-encode.ts';
import type { Transport, TransportListener } from '../../src/transport/port.ts';
import { isSpokenAt } from '../../src/transport/protocol.ts';
import type { Chance } from './chance.ts';
import { Link } from './link.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What the network does to frames, apart from the faults of one link. */
export interface Weather {
  readonly latency: { readonly min: Millis; readonly max: Millis };
  /** Share of frames that are lost, that arrive twice, that overtake others. */
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Share of frames that are held up for as long as `delayMs`. */
  readonly delay: number;
  readonly delayMs: Millis;
}

export const CALM: Weather = {
  latency: { min: 1, max: 3 },
  drop: 0,
  duplicate: 0,
  reorder: 0,
  delay: 0,
  delayMs: 0,
};

export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly chance: Chance;
  /** `wire`: through the real codec, as over a socket. */
  readonly encoding: 'wire' | 'objects';
  /** What the release of a node speaks now. */
  readonly protocolOf: (id: NodeId) => number;
  /** Every frame as its sender hands it over, before anything happens to it. */
  readonly onSend: (messages: readonly Message[]) => void;
  readonly onDeliver: (messages: readonly Message[]) => void;
  /** Rewrites frames on their way, to prove that the checks would see a liar. */
  readonly forge: ((message: Message) => Message) | undefined;
}

const KNOCK_EVERY_MS = 400;

interface Member {
  readonly id: NodeId;
  listener: TransportListener | undefined;
  peers: ReadonlySet<NodeId>;
  isAlive: boolean;
}

interface Frame {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly epoch: number;
  readonly receiver: Member;
  readonly content: Uint8Array | readonly Message[];
}

/**
 * Links between simulated processes. A frame arrives only in the connection and the process it was
 * sent to, as over a socket; within that, the network may do to it what it likes.
 */
export class SimulatedNetwork {
  weather: Weather = CALM;
  readonly #options: NetworkOptions;
  readonly #members = new Map<NodeId, Member>();
  readonly #links = new Map<string, Link>();
  readonly #blocked = new Set<string>();
  readonly #clogged = new Map<string, Frame[]>();
  readonly #lastArrival = new Map<string, Millis>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The transport of a new process called `id`. */
  join(id: NodeId): Transport {
    const member: Member = { id, listener: undefined, peers: new Set(), isAlive: true };
    this.#members.set(id, member);
    return {
      start: (listener) => {
        member.listener = listener;
      },
      setPeers: (peers) => {
        const before = member.peers;
        member.peers = new Set(peers);
        for (const peer of before) if (!member.peers.has(peer)) this.#link(id, peer).close();
        for (const peer of peers) this.#link(id, peer).reconsider();
        for (const peer of peers) if (!before.has(peer)) this.#knock(member, peer);
      },
      send: (to, messages) => this.#send(member, to, messages),
      close: async () => this.#remove(member),
    };
  }

  /** Who is not let in tries again. */
  #knock(member: Member, peer: NodeId): void {
    const { time } = this.#options;
    const run = (): void => {
      if (!member.isAlive || !member.peers.has(peer)) return;
      this.#link(member.id, peer).reconsider();
      this.#knock(member, peer);
    };
    time.schedule({ at: time.now + KNOCK_EVERY_MS, owner: undefined, run });
  }

  /** The process is gone; its peers' kernels tell them. */
  crash(id: NodeId): void {
    const member = this.#members.get(id);
    if (member !== undefined) this.#remove(member);
  }

  /** Drops everything from `from` to `to` until `unblock`. The link stays open. */
  block(from: NodeId, to: NodeId): void {
    this.#blocked.add(direction(from, to));
  }

  unblock(from: NodeId, to: NodeId): void {
    if (!this.#blocked.delete(direction(from, to))) return;
    if (this.#isPassable(to, from)) this.#link(from, to).onPassable();
  }

  /** Holds everything from `from` to `to` until `unclog` lets it through at once. */
  clog(from: NodeId, to: NodeId): void {
    const way = direction(from, to);
    if (!this.#clogged.has(way)) this.#clogged.set(way, []);
  }

  unclog(from: NodeId, to: NodeId): void {
    const held = this.#clogged.get(direction(from, to)) ?? [];
    this.#clogged.delete(direction(from, to));
    for (const frame of held) this.#dispatch(frame);
  }

  /** Resets the connection of the two; they connect again when they can. */
  closeLink(left: NodeId, right: NodeId): void {
    this.#link(left, right).close();
  }

  /** A process that was paused answers again. */
  onResumed(id: NodeId): void {
    for (const peer of this.#members.keys()) if (peer !== id) this.#link(id, peer).reconsider();
  }

  #remove(member: Member): void {
    if (!member.isAlive) return;
    member.isAlive = false;
    member.listener = undefined;
    if (this.#members.get(member.id) === member) this.#members.delete(member.id);
    for (const peer of member.peers) this.#link(member.id, peer).close();
  }

  #send(member: Member, to: NodeId, messages: readonly Message[]): void {
    if (!member.isAlive) return;
    this.#options.onSend(messages);
    const link = this.#link(member.id, to);
    const receiver = this.#members.get(to);
    if (receiver === undefined || !link.isOpenAt(member.id)) return;
    const { forge, encoding, chance, protocolOf } = this.#options;
    const protocol = Math.min(protocolOf(member.id), protocolOf(to));
    const readable = messages.filter(({ type }) => isSpokenAt(protocol, type));
    if (readable.length === 0) return;
    const forged = forge === undefined ? readable : readable.map(forge);
    const content = encoding === 'wire' ? encodeMessages(forged) : forged;
    const frame = { from: member.id, to, epoch: link.epoch, receiver, content };
    if (!this.#isPassable(member.id, to) || chance.happens(this.weather.drop)) return;
    this.#dispatch(frame);
    // A link delivers at most once and commands rely on it; Raft's own messages must bear a repetition.
    if (!readable.some(carriesCommands) && chance.happens(this.weather.duplicate)) this.#dispatch(frame);
  }

  #dispatch(frame: Frame): void {
    const way = direction(frame.from, frame.to);
    const clogged = this.#clogged.get(way);
    if (clogged !== undefined) {
      clogged.push(frame);
      return;
    }
    const { time } = this.#options;
    time.schedule({ at: this.#arrival(way), owner: frame.to, run: () => this.#deliver(frame) });
  }

  /** When a frame sent now gets there: after those before it, unless it overtakes. */
  #arrival(way: string): Millis {
    const { chance, time } = this.#options;
    const { latency, reorder, delay, delayMs } = this.weather;
    const spike = chance.happens(delay) ? chance.integer(0, delayMs) : 0;
    const earliest = time.now + chance.integer(latency.min, latency.max) + spike;
    if (chance.happens(reorder)) return earliest;
    const arrival = Math.max(earliest, this.#lastArrival.get(way) ?? 0);
    this.#lastArrival.set(way, arrival);
    return arrival;
  }

  #deliver({ from, to, epoch, receiver, content }: Frame): void {
    const link = this.#link(from, to);
    if (!receiver.isAlive || epoch !== link.epoch || !link.isOpenAt(to)) return;
    const messages = content instanceof Uint8Array ? decode(content, from, to) : content;
    this.#options.onDeliver(messages);
    receiver.listener?.onMessages(from, messages);
  }

  #link(left: NodeId, right: NodeId): Link {
    const name = left < right ? direction(left, right) : direction(right, left);
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const { time, chance } = this.#options;
    const link = new Link(
      {
        time,
        endpoint: (id, peer) => this.#endpoint(id, peer),
        isPassable: (from, to) => this.#isPassable(from, to),
        delay: () => chance.integer(this.weather.latency.min, this.weather.latency.max),
      },
      left < right ? [left, right] : [right, left],
    );
    this.#links.set(name, link);
    return link;
  }

  #endpoint(id: NodeId, peer: NodeId) {
    const member = this.#members.get(id);
    if (member?.listener === undefined) return undefined;
    if (!member.peers.has(peer)) {
      // Knocks from the other side only: somebody whom this one does not want either is nobody.
      const isWanted = this.#members.get(peer)?.peers.has(id) === true;
      if (!isWanted || member.listener.onStranger?.(peer) !== true) return undefined;
    }
    return {
      id,
      isAlive: () => member.isAlive,
      onOpened: (other: NodeId) => member.listener?.onLinkOpened(other),
      onClosed: (other: NodeId) => member.listener?.onLinkClosed(other),
    };
  }

  #isPassable(from: NodeId, to: NodeId): boolean {
    return !this.#blocked.has(direction(from, to));
  }
}

function carriesCommands(message: Message): boolean {
  return message.type === 'proposal-forward';
}

function decode(bytes: Uint8Array, from: NodeId, to: NodeId): readonly Message[] {
  const decoded = decodeMessages(bytes, { from, to });
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

/** A space is in no id. */
function direction(from: NodeId, to: NodeId): string {
  return `${from} ${to}`;
}
