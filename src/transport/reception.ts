import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { MAX_CLIENT_LINKS, MAX_HELLO_BYTES } from '../protocol/limits.ts';
import type { Misconduct } from '../protocol/misconduct.ts';
import type { AddressLimits } from './address-limits.ts';
import { type ClientConnection, type ClientHandlers, serveClient } from './client-connection.ts';
import { closeWith } from './closing.ts';
import type { Doorstep } from './doorstep.ts';
import { createGuestBook } from './guest-book.ts';
import { type Greeted, greet, LINK_PATHS, SOCKET_OPTIONS } from './handshake.ts';
import type { Expected, Hello, Identity, LinkKind } from './hello.ts';
import { refuse } from './http-answer.ts';
import type { Guard } from './http-guard.ts';
import type { PeerNetwork } from './peer-network.ts';
import type { Claim, LinkReport, LinkRole, LinkSecurity } from './port.ts';
import { remoteAddressOf } from './remote-address.ts';
import { type Shown, shownBy } from './tls.ts';

export interface ReceptionOptions {
  readonly identity: Identity;
  readonly guard: Guard;
  readonly network: PeerNetwork;
  readonly security: LinkSecurity;
  /** The level of the log: a peer of a release that knows less could not follow it. */
  readonly leastLevel: () => number;
  readonly maxBufferedBytes: number;
  readonly onClient: (connection: ClientConnection) => ClientHandlers;
  readonly doorstep: Doorstep;
  readonly limits: Pick<AddressLimits, 'noteRefusal'>;
  /** Why a request over this connection is refused; undefined: it is not. */
  readonly visit: (connection: IncomingMessage['socket']) => string | undefined;
  readonly onTrouble: (error: SwarmError) => void;
  readonly onMisconduct: (misconduct: Misconduct) => void;
}

/** Lets links in: checks the door, hears the hello, hands the link to the peers or to the clients. */
export interface Reception {
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Somebody came no further than TLS, which counts as a hello that is refused. */
  failedAtTls(cause: Error, from: string | undefined): void;
  /** Trust has changed: whoever would not be let in any more is put out. */
  recheck(): void;
  /** The links that others have dialled. */
  links(): readonly LinkReport[];
  /** Closes every link that is not a peer's and lets nobody in any more. */
  close(): Promise<void>;
}

/** A hello and the header of its frame. */
const MAX_BYTES_BEFORE_HELLO = MAX_HELLO_BYTES + 16;
/** What is refused with these comes from somebody who does not belong here. */
const STRANGERS: ReadonlySet<ErrorCode> = new Set([
  'MALFORMED',
  'REVOKED',
  'TIMEOUT',
  'UNAUTHORIZED',
  'WRONG_CLUSTER',
]);

/** A link that has not said hello. */
interface Arrival {
  readonly connection: IncomingMessage['socket'];
  /** Its first frame has come: it may send more. */
  readonly release: () => void;
  readonly shown: Shown;
}

const STOPPING = new SwarmError('STOPPED', 'this node is stopping');
const FULL = new SwarmError('BUSY', 'this node serves as many clients as it can; try another one');

export function createReception(options: ReceptionOptions): Reception {
  const { identity, guard, network, security, doorstep, limits, onTrouble, onMisconduct } = options;
  const sockets = new WebSocketServer({ ...SOCKET_OPTIONS, noServer: true, clientTracking: false });
  const strangers = new Set<WebSocket>();
  const clients = new Set<WebSocket>();
  const objectionTo = (id: NodeId): string | undefined => {
    if (!network.isUp) return `${identity.nodeId} is starting, or stopping`;
    if (network.isPeer(id)) return network.banOf(id);
    return `${identity.nodeId} knows no member ${id}: it was removed, or has not joined yet`;
  };
  const expectations: Readonly<Record<LinkKind, Expected>> = {
    peer: { kind: 'peer', objection: objectionTo, leastLevel: options.leastLevel },
    client: { kind: 'client', objection: () => undefined },
  };
  let isOpen = true;

  const admitClient = (link: Greeted, role: LinkRole, from: string | undefined): void => {
    const { socket } = link;
    if (clients.size >= MAX_CLIENT_LINKS) {
      closeWith(socket, FULL);
      return;
    }
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    const { nodeId } = link.hello;
    const subject = `address ${remoteAddressOf(from)}`;
    serveClient({
      ...options,
      ...{ link, role },
      onFault: (fault, { message }) =>
        onMisconduct({ kind: fault, subject, detail: `client ${nodeId}: ${message}` }),
    });
  };
  /** That somebody comes while this node starts or stops is no trouble: they come again. */
  const tell = (error: SwarmError): void => {
    if (network.isUp) onTrouble(error);
  };
  const guests = createGuestBook(security, tell);
  /** Who knows the secret and is refused all the same is no stranger. */
  const noteRefusal = (error: SwarmError, from: string | undefined): void => {
    tell(error);
    if (!STRANGERS.has(error.code)) return;
    const address = remoteAddressOf(from);
    limits.noteRefusal(address);
    onMisconduct({ kind: 'refused-hello', subject: `address ${address}`, detail: error.message });
  };
  const meet = (socket: WebSocket, kind: LinkKind, { connection, release, shown }: Arrival): void => {
    strangers.add(socket);
    // Afterwards it may be gone, and with it the address.
    const { remoteAddress, remotePort } = connection;
    let role: LinkRole = 'newcomer';
    const distrust = (hello: Hello): SwarmError | undefined => {
      const verdict = security.judge(claimOf(hello, kind, shown));
      if (!verdict.ok) return verdict.error;
      role = verdict.value;
      return undefined;
    };
    greet(socket, { ours: identity, expected: { ...expectations[kind], distrust } }, (outcome) => {
      release();
      strangers.delete(socket);
      if (!outcome.ok) return noteRefusal(outcome.error, remoteAddress);
      doorstep.greeted({ remoteAddress, remotePort });
      // A newcomer's token is used up by what it asks for: judged again, it would be put out before it has the answer.
      if (role !== 'newcomer') guests.enter(socket, claimOf(outcome.value.hello, kind, shown), shown.cipher);
      if (kind === 'peer') network.accept(outcome.value);
      else admitClient(outcome.value, role, remoteAddress);
    });
  };
  sockets.on('wsClientError', (error, socket) => refuse(socket, 400, error.message));

  return {
    upgrade(request, socket, head) {
      const tooMany = options.visit(request.socket);
      if (tooMany !== undefined) return refuse(socket, 503, tooMany);
      const verdict = guard(request);
      if (verdict.kind === 'refused') return refuse(socket, 403, verdict.reason);
      const kind = kindOf(verdict.path);
      if (kind === undefined) return refuse(socket, 404, 'there are /raft and /client');
      if (!isOpen) return refuse(socket, 503, 'this node is stopping');
      const release = boundBytes(socket, MAX_BYTES_BEFORE_HELLO);
      const arrival = { connection: request.socket, release, shown: shownBy(request.socket) };
      sockets.handleUpgrade(request, socket, head, (link) => meet(link, kind, arrival));
    },
    failedAtTls(cause, from) {
      const error = new SwarmError('MALFORMED', `a stranger failed at the TLS handshake: ${cause.message}`);
      if (hasGone(cause)) onTrouble(error);
      else noteRefusal(error, from);
    },
    recheck: guests.recheck,
    links: guests.links,
    async close() {
      isOpen = false;
      await Promise.all([...strangers, ...clients].map((socket) => closeWith(socket, STOPPING)));
    },
  };
}

/** Before anything was said: it has only looked whether the port is open. */
function hasGone(cause: Error): boolean {
  return 'code' in cause && cause.code === 'ECONNRESET';
}

function claimOf({ clusterId, nodeId, token }: Hello, kind: LinkKind, shown: Shown): Claim {
  return { kind, clusterId, nodeId, token, certificate: shown.certificate, isHere: shown.isHere };
}

function kindOf(path: string): LinkKind | undefined {
  if (path === LINK_PATHS.peer) return 'peer';
  return path === LINK_PATHS.client ? 'client' : undefined;
}

/**
 * Destroys `socket` when it sends more than `limit` bytes before the returned function is called:
 * ws would buffer a whole frame of `maxPayload` for somebody who has not said who they are.
 */
function boundBytes(socket: Duplex, limit: number): () => void {
  let received = 0;
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    if (received > limit) socket.destroy();
  };
  socket.on('data', onData);
  return () => socket.off('data', onData);
}
