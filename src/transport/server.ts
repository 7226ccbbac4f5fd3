import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { MAX_CONNECTIONS, MAX_LINK_BUFFERED_BYTES } from '../protocol/limits.ts';
import type { Ballot, Misconduct } from '../protocol/misconduct.ts';
import { addressesOf, authorityOf } from './address.ts';
import { createAddressLimits } from './address-limits.ts';
import type { ClientConnection, ClientHandlers } from './client-connection.ts';
import type { LinkCredentials } from './client-credentials.ts';
import { createConnectionGate, guardConnections } from './connection-gate.ts';
import { createDoorstep } from './doorstep.ts';
import type { Dialled } from './handshake.ts';
import { type Identity, sameSecret } from './hello.ts';
import { answerRequests } from './http-answer.ts';
import { createGuard } from './http-guard.ts';
import { createPeerNetwork } from './peer-network.ts';
import type { LinkReport, LinkSecurity, Transport } from './port.ts';
import { createReception } from './reception.ts';
import { createPort, onFailedHandshake, renewPort } from './tls.ts';
import { withoutRepeats } from './trouble.ts';

export interface TransportServerOptions {
  readonly identity: Identity;
  /** The address to listen on, or a name of it. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /**
   * Names or addresses under which others reach this server, if not (only) as `host`: each with a port where that is
   * another than the one listened on. The first goes into `url`. Whoever dials under any other name is refused.
   */
  readonly advertised?: readonly string[];
  /** What it shows, and whom it believes. Default: no TLS, and whoever knows the swarm's secret is a member. */
  readonly security?: LinkSecurity;
  /** What it shows to the peers that it dials; asked before each attempt. */
  readonly credentials?: () => LinkCredentials | undefined;
  /** Where a peer listens now (`ws://host:port`); asked before each attempt to reach it. */
  readonly resolve: (peer: NodeId) => Promise<string | undefined>;
  /** The level of the log now: peers whose release knows less are refused. Default: 1. */
  readonly leastLevel?: () => number;
  /** In [0, 1); spreads reconnects. */
  readonly random: () => number;
  /** Called once per accepted client, before its first request is read. */
  readonly onClient: (connection: ClientConnection) => ClientHandlers;
  /** What `GET /health` says; small, and nothing secret: nobody is asked for a token there. */
  readonly health: () => Readonly<Record<string, unknown>>;
  /** Refused strangers, malformed frames, failed attempts: for the log of the operator. The same once a minute. */
  readonly onTrouble: (error: SwarmError) => void;
  /** What nobody does who keeps to the protocol; each time it happens. */
  readonly onMisconduct?: (misconduct: Misconduct) => void;
  /** A peer, which has proven to be it, says that this node was revoked; each time it does. */
  readonly onRevoked?: (error: SwarmError) => void;
  /** Whom the peers vote for, as far as it is seen here. */
  readonly onBallot?: (ballot: Ballot) => void;
  /** Default `MAX_LINK_BUFFERED_BYTES`. */
  readonly maxBufferedBytes?: number;
}

export interface TransportServer {
  readonly port: number;
  /** `ws://host:port`, or `wss:` with TLS: what peers and clients dial, here or elsewhere. */
  readonly url: string;
  /** The peers. Closing it leaves the clients alone; closing the server closes it too. */
  readonly transport: Transport;
  /** The level that the peer said in its hello; undefined while it has no link to us. */
  levelOf(peer: NodeId): number | undefined;
  /** What is shown, or who is believed, has changed. Links to those who are not believed any more are cut. */
  recheck(): void;
  /** Opens the links to all peers, or to these, anew, one after the other and without a gap: some certificate is another one. */
  renewLinks(peers?: readonly string[]): Promise<void>;
  links(): readonly LinkReport[];
  /** Closes every link with a reason and frees the port. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_INTERVAL_MS = 2_500;
const MAX_HEADER_BYTES = 8 * 1024;
const HTTP_OPTIONS = {
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
} as const;

/**
 * Opens the one port of a process: `/raft` for peers, `/client` for clients, `GET /health`.
 *
 * @throws SwarmError `PORT_IN_USE`, `BAD_INPUT` for addresses that are none
 */
export async function openTransportServer(options: TransportServerOptions): Promise<TransportServer> {
  const { identity, host, advertised = [], maxBufferedBytes = MAX_LINK_BUFFERED_BYTES } = options;
  const { leastLevel = () => 1, onBallot = () => undefined, onMisconduct = () => undefined } = options;
  const onTrouble = withoutRepeats(options.onTrouble, () => performance.now());
  const addresses = addressesOf(host, advertised);
  const { security = sharedSecret(identity) } = options;
  const http = createPort(HTTP_OPTIONS, security);
  http.maxConnections = MAX_CONNECTIONS;
  const port = await listen(http, options);

  const scheme = security.tls === undefined ? 'http' : 'https';
  const guard = createGuard({ addresses, port, scheme });
  const onFlood = (address: string, detail: string): void =>
    onMisconduct({ kind: 'flood', subject: `address ${address}`, detail });
  const limits = createAddressLimits({ now: () => performance.now(), onFlood });
  const doorstep = createDoorstep((address) =>
    onFlood(address, 'more connections than one address may have'),
  );
  const gate = createConnectionGate({ limits, doorstep, isSecured: security.tls !== undefined });
  const watched = { leastLevel, maxBufferedBytes, onBallot, onMisconduct, onTrouble };
  const network = createPeerNetwork({ ...options, ...watched, ours: identity });
  const door = { guard, network, doorstep, limits, visit: gate.visit };
  const reception = createReception({ ...options, ...watched, ...door, security });
  guardConnections(http, gate.admit);
  answerRequests(http, { guard, health: options.health, visit: ({ socket }) => gate.visit(socket) });
  http.on('upgrade', reception.upgrade);
  onFailedHandshake(http, reception.failedAtTls);
  http.on('error', (cause: Error) =>
    onTrouble(new SwarmError('NOT_RUNNING', `the port has failed: ${cause.message}`)),
  );

  return {
    port,
    url: `${security.tls === undefined ? 'ws' : 'wss'}://${authorityOf(addresses[0], port)}`,
    transport: network.transport,
    levelOf: network.levelOf,
    recheck() {
      renewPort(http, security);
      reception.recheck();
      network.recheck();
    },
    renewLinks: (peers) => network.renewLinks(peers),
    links: () => [...network.dialled().map(reportOf), ...reception.links()],
    async close() {
      const portFree = new Promise((resolve) => http.close(resolve));
      await Promise.all([network.transport.close(), reception.close()]);
      http.closeAllConnections();
      // Of those who have not come as far as to a request, only the doorstep knows.
      doorstep.clear();
      await portFree;
    },
  };
}

/** Without anybody who judges, the secret of the swarm is all there is. */
function sharedSecret({ nodeId, token }: Identity): LinkSecurity {
  const error = new SwarmError('UNAUTHORIZED', `${nodeId} does not accept this token`);
  return {
    tls: undefined,
    judge: (claim) => (sameSecret(claim.token, token) ? { ok: true, value: 'member' } : { ok: false, error }),
  };
}

function reportOf([peer, { certificate, cipher }]: readonly [string, Dialled]): LinkReport {
  const fingerprint = certificate?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null;
  return { peer, direction: 'out', cipher: cipher ?? null, certificate: fingerprint };
}

function listen(
  http: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => reject(listenError(cause, { host, port }));
    http.once('error', onError);
    http.listen({ host, port }, () => {
      http.off('error', onError);
      resolve((http.address() as AddressInfo).port);
    });
  });
}

function listenError(
  cause: NodeJS.ErrnoException,
  at: { readonly host: string; readonly port: number },
): Error {
  const { host, port } = at;
  if (cause.code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is in use; stop the process that holds it, or choose another port (0: any)`;
    return new SwarmError('PORT_IN_USE', message, { host, port });
  }
  return new SwarmError('BAD_INPUT', `cannot listen on ${host}:${port}: ${cause.message}`, { host, port });
}
