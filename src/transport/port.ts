import type { NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';

export interface TransportListener {
  /** One frame of a peer: the messages in the order in which they were sent. */
  onMessages(from: NodeId, messages: readonly Message[]): void;
  onLinkOpened(peer: NodeId): void;
  /** Once per opened link. A killed peer is noticed here long before a time-out. */
  onLinkClosed(peer: NodeId): void;
  /**
   * Somebody who knows the swarm's secret, but is no peer here, wants a link. True: it has been made a peer
   * (`setPeers`) and is let in. Whoever was away while the members changed learns of the new ones by this.
   */
  onStranger?(peer: NodeId): boolean;
}

/**
 * Links to the peers of one node. Delivery is at most once and unordered across reconnects: Raft
 * repairs the rest.
 */
export interface Transport {
  /** Must be called once, before the first `send`. */
  start(listener: TransportListener): void;
  /**
   * Who must be reachable from now on: links to others close at once (told before this returns, or soon after),
   * links to newcomers open. Whoever is put back is linked anew.
   */
  setPeers(peers: readonly NodeId[]): void;
  /**
   * Sends one frame, and behind it pieces of a snapshot in frames of their own. Dropped when the link is down or its
   * buffer is full, or when the peer is of a release that could not read it; a piece also while another one waits to
   * leave. Never blocks.
   */
  send(to: NodeId, messages: readonly Message[]): void;
  close(): Promise<void>;
}
