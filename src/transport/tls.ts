import { constants, type X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import type { ClientOptions } from 'ws';
import { SwarmError } from '../protocol/errors.ts';
import { HELLO_DEADLINE_MS } from '../protocol/limits.ts';
import { certifiedIdentity, type LinkCredentials } from './client-credentials.ts';
import type { Hello } from './hello.ts';
import type { LinkSecurity } from './port.ts';
import { isLoopback, remoteAddressOf } from './remote-address.ts';

const OLDEST = 'TLSv1.3' as const;

/** What the other end of a connection has shown. */
export interface Shown {
  readonly certificate: X509Certificate | undefined;
  /** Undefined without TLS. */
  readonly cipher: string | undefined;
  readonly isHere: boolean;
}

/** A server for one port: with TLS where there is something to show, and for anybody to connect to. */
export function createPort(
  options: ServerOptions & { readonly handshakeTimeout?: number },
  { tls }: LinkSecurity,
): Server | HttpsServer {
  if (tls === undefined) return createHttpServer(options);
  return createHttpsServer({
    handshakeTimeout: HELLO_DEADLINE_MS,
    ...options,
    ...contextOf(tls),
    requestCert: true,
    // Clients may have a token instead. What a certificate is worth is judged when its owner has said who it is.
    rejectUnauthorized: false,
  });
}

/** Tells why somebody has not come through the handshake, and from where; whatever is written to them never leaves. */
export function onFailedHandshake(
  port: Server | HttpsServer,
  tell: (cause: Error, from: string | undefined) => void,
): void {
  port.on('tlsClientError', (cause: Error, socket: TLSSocket) => {
    tell(cause, socket.remoteAddress);
    // Node leaves it to whoever listens.
    socket.destroy();
  });
}

/** Connections that are open stay; the next ones see what is new. */
export function renewPort(port: Server | HttpsServer, { tls }: LinkSecurity): void {
  if (tls !== undefined && 'setSecureContext' in port) port.setSecureContext(contextOf(tls));
}

function contextOf({ certificate, key, ca }: NonNullable<LinkSecurity['tls']>): SecureContextOptions {
  return {
    ...{ cert: certificate, key, ca, minVersion: OLDEST },
    // A session that is gone on with would bring a certificate that was judged once and is not looked at again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** For a link to a node that is known by its name in the swarm, wherever it is. */
export function dialOptions({ ca, own }: LinkCredentials): ClientOptions {
  return {
    ca,
    ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
    minVersion: OLDEST,
    // Nodes move from address to address; who it is, its certificate says, and that is compared with its hello.
    // False: nothing is wrong with the name that was dialled.
    checkServerIdentity: () => false,
  };
}

export function shownBy(socket: Socket): Shown {
  const isHere = isOfThisMachine(socket);
  if (!(socket instanceof TLSSocket)) return { certificate: undefined, cipher: undefined, isHere };
  return { certificate: socket.getPeerX509Certificate(), cipher: socket.getCipher().standardName, isHere };
}

/** Nobody elsewhere can have a conversation under an address of this machine. */
function isOfThisMachine({ remoteAddress, localAddress }: Socket): boolean {
  if (remoteAddress === undefined) return false;
  return isLoopback(remoteAddressOf(remoteAddress)) || remoteAddress === localAddress;
}

/** Why whoever answers is not the node that it says it is. The chain has been looked at before. */
export function impostor(
  hello: Hello,
  certificate: X509Certificate | undefined,
  { objection }: LinkCredentials,
): SwarmError | undefined {
  const refuse = (reason: string): SwarmError => new SwarmError('UNAUTHORIZED', reason);
  if (certificate === undefined) return refuse('the node there has shown no certificate');
  const named = certifiedIdentity(certificate);
  if (named?.clusterId !== hello.clusterId) return refuse('the certificate there is not of this swarm');
  if (named.kind !== 'member' || named.name !== hello.nodeId) {
    return refuse(`whoever says ${hello.nodeId} there has the certificate of ${named.name}`);
  }
  const why = objection(certificate);
  return why === undefined ? undefined : refuse(why);
}

const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    'its certificate has expired; it gets another one when it is restarted beside the authority',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; compare the clocks',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of an authority that is not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an authority that is not trusted here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of no authority',
  CERT_SIGNATURE_FAILURE: 'its certificate was not signed by the authority that it names',
};

/** What the handshake failed with, if it was for what the other end has shown. */
export function errorOfTls(error: Error, url: string): SwarmError | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = TLS_REASONS[code];
  return reason === undefined
    ? undefined
    : new SwarmError('UNAUTHORIZED', `${url}: ${reason}`, { url, code });
}
