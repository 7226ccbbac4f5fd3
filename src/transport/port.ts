import type { X509Certificate } from 'node:crypto';
import type { Outcome } from '../protocol/errors.ts';
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

/**
 * What the other end of a link may do, from next to nothing to everything: a newcomer may ask for a certificate; a client
 * may look, work, or look after the swarm; a member may do what the swarm's own processes do.
 */
export type LinkRole = 'newcomer' | 'read' | 'work' | 'operate' | 'member';

/** Who the other end of a link says it is, and what it has shown for it. */
export interface Claim {
  readonly kind: 'peer' | 'client';
  readonly clusterId: string;
  readonly nodeId: string;
  readonly token: string;
  /** The other end has the key of it; who vouches for it is still to be looked at. Undefined: it has shown none. */
  readonly certificate: X509Certificate | undefined;
  /** Both ends are on one machine. */
  readonly isHere: boolean;
}

/** What a server shows, and whom it believes. */
export interface LinkSecurity {
  /** Undefined: the port is without TLS. Asked again when told that it has changed. */
  readonly tls:
    | undefined
    | {
        /** The server's certificate and those of its authorities, one after the other as PEM. */
        readonly certificate: string;
        readonly key: string;
        /** Certificates of the authorities that are trusted. */
        readonly ca: string;
      };
  /** The role of whoever claims this, or why it is refused. Asked again, for every open link, when trust has changed. */
  judge(claim: Claim): Outcome<LinkRole>;
}

/** One open link, for people. */
export interface LinkReport {
  readonly peer: string;
  readonly direction: 'in' | 'out';
  /** Such as `TLS_AES_256_GCM_SHA384`; null without TLS. */
  readonly cipher: string | null;
  /** SHA-256 of the certificate that the other end has shown, hexadecimal; null without. */
  readonly certificate: string | null;
}
