import type { RawData, WebSocket } from 'ws';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { Ballot, Misconduct } from '../protocol/misconduct.ts';
import type { LinkCredentials } from './client-credentials.ts';
import { closeWith } from './closing.ts';
import { asBytes, type Dialled, type Greeted } from './handshake.ts';
import type { Identity } from './hello.ts';
import { PeerLink } from './peer-link.ts';
import type { Transport, TransportListener } from './port.ts';
import { createScreening, type Screening } from './screening.ts';

export interface PeerNetworkOptions {
  readonly ours: Identity;
  /** What the own server listens on. */
  readonly host: string;
  readonly resolve: (peer: NodeId) => Promise<string | undefined>;
  readonly leastLevel: () => number;
  readonly credentials?: () => LinkCredentials | undefined;
  readonly random: () => number;
  readonly maxBufferedBytes: number;
  readonly onRevoked?: (error: SwarmError) => void;
  readonly onTrouble: (error: SwarmError) => void;
  readonly onMisconduct: (misconduct: Misconduct) => void;
  readonly onBallot: (ballot: Ballot) => void;
}

/** The peers' side of one node: a socket each way per peer, and what both say about the pair. */
export interface PeerNetwork {
  readonly transport: Transport;
  /** From `start` until `close`: before and after that, who is a peer is not known. */
  readonly isUp: boolean;
  /** Asks the layer above about strangers. */
  isPeer(id: NodeId): boolean;
  /** The level that the peer said in its hello; undefined while there is no link. */
  levelOf(peer: NodeId): number | undefined;
  readonly banOf: Screening['banOf'];
  /** Takes over the link that a peer has dialled. */
  accept(link: Greeted): void;
  /** Trust has changed: links to those who are not trusted any more are cut. */
  recheck(): void;
  /** Opens every link, or those to `peers`, anew with the certificates of now, one after the other, without a gap. */
  renewLinks(peers?: readonly string[]): Promise<void>;
  /** The links that this node has dialled, as far as they are up. */
  dialled(): readonly (readonly [NodeId, Dialled])[];
}

interface Pair {
  readonly outbound: PeerLink;
  /** The peer's own link to us. */
  inbound: WebSocket | undefined;
  /** The one before, which the peer closes when all that it has sent over it is here. */
  retiring: WebSocket | undefined;
  level: number | undefined;
  /** `onLinkOpened` was said and `onLinkClosed` was not. */
  announced: boolean;
}

const REMOVED = new SwarmError('UNKNOWN_NODE', 'no longer a peer');
const REPLACED = new SwarmError('STOPPED', 'replaced by a newer link of the same node');
const STOPPING = new SwarmError('STOPPED', 'this node is stopping');

export function createPeerNetwork(options: PeerNetworkOptions): PeerNetwork {
  const { ours } = options;
  const screening = createScreening({ ...options, self: ours.nodeId });
  const pairs = new Map<NodeId, Pair>();
  let listener: TransportListener | undefined;

  const opened = (peer: NodeId, pair: Pair): void => {
    if (pair.announced) return;
    pair.announced = true;
    listener?.onLinkOpened(peer);
  };
  const closed = (peer: NodeId, pair: Pair): void => {
    if (!pair.announced) return;
    pair.announced = false;
    listener?.onLinkClosed(peer);
  };

  const addPair = (peer: NodeId): void => {
    const outbound = new PeerLink({
      ...options,
      peer,
      onUp: () => opened(peer, pair),
      onDown: () => closed(peer, pair),
    });
    const none = { inbound: undefined, retiring: undefined, level: undefined };
    const pair: Pair = { outbound, ...none, announced: false };
    pairs.set(peer, pair);
  };
  const receive = (from: NodeId, { socket, sequences }: Greeted, data: Uint8Array): void => {
    // A link that was replaced or closed may still deliver what was in its buffer.
    const pair = pairs.get(from);
    if (pair === undefined || (pair.inbound !== socket && pair.retiring !== socket)) return;
    const read = screening.read(from, data, sequences?.incoming);
    if (read.ok) return listener?.onMessages(from, read.value);
    closeWith(socket, read.error);
    inboundGone(from, socket);
  };
  const inboundGone = (peer: NodeId, socket: WebSocket): void => {
    const pair = pairs.get(peer);
    if (pair?.retiring === socket) pair.retiring = undefined;
    if (pair?.inbound !== socket) return;
    pair.inbound = undefined;
    pair.level = undefined;
    closed(peer, pair);
  };

  return {
    get isUp() {
      return listener !== undefined;
    },
    isPeer: (id) => pairs.has(id) || (listener?.onStranger?.(id) === true && pairs.has(id)),
    banOf: screening.banOf,
    levelOf: (peer) => pairs.get(peer)?.level,
    accept(link) {
      const { socket, hello } = link;
      const peer = hello.nodeId;
      const pair = pairs.get(peer);
      invariant(pair !== undefined, 'a greeted peer is one that isPeer has let in');
      if (takePlace(pair, { socket, hello })) closed(peer, pair);
      socket.on('message', (data: RawData) => receive(peer, link, asBytes(data)));
      socket.on('close', () => inboundGone(peer, socket));
      pair.outbound.poke(hello.nonce);
      // The outbound half never broke, but what the peer sent us meanwhile may be lost.
      if (pair.outbound.isUp) opened(peer, pair);
    },
    ...outboundOf(pairs),
    transport: {
      start(given) {
        invariant(listener === undefined, 'a transport is started once');
        listener = given;
      },
      setPeers(peers) {
        const wanted = new Set(peers.filter((peer) => peer !== ours.nodeId));
        for (const [peer, pair] of [...pairs]) {
          if (wanted.has(peer)) continue;
          pairs.delete(peer);
          dissolve(pair, REMOVED);
          closed(peer, pair);
        }
        for (const peer of wanted) if (!pairs.has(peer)) addPair(peer);
      },
      send(to, messages) {
        pairs.get(to)?.outbound.send(messages);
      },
      async close() {
        listener = undefined;
        const all = [...pairs.values()];
        pairs.clear();
        await Promise.all(all.map((pair) => dissolve(pair, STOPPING)));
      },
    },
  };
}

async function dissolve({ outbound, inbound, retiring }: Pair, reason: SwarmError): Promise<void> {
  const outboundGone = outbound.close(reason);
  for (const socket of [inbound, retiring]) if (socket !== undefined) await closeWith(socket, reason);
  await outboundGone;
}

/**
 * What came before gives way: at once, or where nothing is to be lost, when the peer closes it. True when something may
 * have been lost.
 */
function takePlace(pair: Pair, { socket, hello }: Pick<Greeted, 'socket' | 'hello'>): boolean {
  const old = pair.inbound;
  pair.inbound = socket;
  pair.level = hello.level;
  if (old === undefined) return false;
  if (hello.renewal === true) pair.retiring = old;
  else closeWith(old, REPLACED);
  return hello.renewal !== true;
}

/** What is done to all links that this node has dialled. */
function outboundOf(
  pairs: ReadonlyMap<NodeId, Pair>,
): Pick<PeerNetwork, 'recheck' | 'renewLinks' | 'dialled'> {
  return {
    recheck() {
      for (const { outbound } of pairs.values()) outbound.recheck();
    },
    async renewLinks(peers) {
      for (const [peer, { outbound }] of [...pairs]) {
        if (peers === undefined || peers.includes(peer)) await outbound.renew();
      }
    },
    dialled: () =>
      [...pairs].flatMap(([peer, { outbound }]) => (outbound.link ? [[peer, outbound.link] as const] : [])),
  };
}
