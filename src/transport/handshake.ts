import { randomUUID, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type RawData, WebSocket } from 'ws';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { HELLO_DEADLINE_MS, MAX_FRAME_BYTES } from '../protocol/limits.ts';
import { sourceFor } from './address.ts';
import { certifiedIdentity, type LinkCredentials } from './client-credentials.ts';
import { closeWith, errorOfClose } from './closing.ts';
import {
  decodeHello,
  type Expected,
  encodeHello,
  type Hello,
  type Identity,
  type LinkKind,
  refusalOf,
} from './hello.ts';
import { keepAlive } from './keep-alive.ts';
import { NUMBERED_SINCE, SEQUENCE_BYTES, type Sequences, sequencesOf } from './sequence.ts';
import { dialOptions, errorOfTls, impostor, type Shown, shownBy } from './tls.ts';

/** A frame arrives in one piece from our own sender; proxies may split it, strangers may not drip it. */
const MAX_FRAGMENTS = 64;

/** Options of both ends. Compression costs more than loopback saves, and its memory is unbounded. */
export const SOCKET_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: MAX_FRAME_BYTES + SEQUENCE_BYTES,
  maxFragments: MAX_FRAGMENTS,
} as const;

export const LINK_PATHS = { peer: '/raft', client: '/client' } as const;

/** A link whose two ends know each other. */
export interface Greeted {
  readonly socket: WebSocket;
  readonly hello: Hello;
  /** Undefined where the other end is of a release that does not number its frames. */
  readonly sequences: Sequences | undefined;
}

/** A link that we have dialled. */
export interface Dialled extends Greeted {
  /** What the node there has shown; undefined without TLS. */
  readonly certificate: X509Certificate | undefined;
  readonly cipher: string | undefined;
}

export interface DialOptions {
  /** `ws://host:port` of the node. */
  readonly url: string;
  readonly ours: Identity;
  readonly expected: Expected;
  /** The host that the dialler listens on, if it does. */
  readonly from?: string;
  /** For `wss:`; a peer that has some dials nobody without TLS. */
  readonly credentials?: LinkCredentials | undefined;
}

/**
 * Opens a link and exchanges hellos. `done` is called once, never before this returns; the returned
 * function gives up, and `done` then hears `STOPPED`.
 *
 * Errors: those with which the other side refuses, `NOT_RUNNING` when nobody answers, `TIMEOUT`.
 */
export function dial(
  { url, ours, expected, from = '', credentials }: DialOptions,
  done: (outcome: Outcome<Dialled>) => void,
): () => void {
  const found = targetOf({ url, expected, credentials });
  if (!found.ok) {
    queueMicrotask(() => done(found));
    return () => undefined;
  }
  const target = found.value;
  const tls = target.protocol === 'wss:' ? credentials : undefined;
  const socket = new WebSocket(target, {
    ...SOCKET_OPTIONS,
    ...sourceFor(from, target),
    ...(tls === undefined ? {} : dialOptions(tls)),
    // Masks protect proxies from scripts in browsers; here neither is between, and a zero mask is free.
    generateMask: (mask) => mask.fill(0),
  });
  const link = randomUUID();
  let failure: SwarmError | undefined;
  let shown: Shown | undefined;
  socket.on('upgrade', ({ socket: wire }) => {
    if (tls !== undefined) shown = shownBy(wire as TLSSocket);
  });
  socket.on('error', (error) => {
    failure ??= errorOfTls(error, url);
    failure ??= new SwarmError('NOT_RUNNING', `nobody answers at ${url}: ${error.message}`, { url });
  });
  socket.on('unexpected-response', (_request, response) => {
    failure ??= errorOfStatus(response.statusCode ?? 0, url);
    socket.terminate();
  });
  socket.on('open', () => socket.send(encodeHello(ours, expected.kind, link)));
  awaitHello(socket, { ours, expected: believing(expected, tls, () => shown) }, (outcome) => {
    if (!outcome.ok) {
      const isTold = tls !== undefined && isSaidBy(shown?.certificate, { ours, expected, tls });
      return done({ ok: false, error: failure ?? (isTold ? outcome.error : hearsay(outcome.error)) });
    }
    keepAlive(socket);
    const hello = outcome.value;
    const sequences = numbering(hello, link, 'dialler');
    const { certificate, cipher } = shown ?? {};
    done({ ok: true, value: { socket, hello, sequences, certificate, cipher } });
  });
  return () => {
    failure ??= new SwarmError('STOPPED', 'the link was given up');
    socket.terminate();
  };
}

/** Whoever answers has proven to be the member that is looked for, though it has not said hello. */
function isSaidBy(
  certificate: X509Certificate | undefined,
  {
    ours,
    expected,
    tls,
  }: { readonly ours: Identity; readonly expected: Expected; readonly tls: LinkCredentials },
): boolean {
  const named = certificate === undefined ? undefined : certifiedIdentity(certificate);
  if (certificate === undefined || named?.kind !== 'member' || named.clusterId !== ours.clusterId)
    return false;
  return expected.objection(named.name as NodeId) === undefined && tls.objection(certificate) === undefined;
}

/** A node ends for good when it was revoked: that must not be for anybody to say who can take the place of a member. */
function hearsay(error: SwarmError): SwarmError {
  return error.code === 'REVOKED' ? new SwarmError('UNAUTHORIZED', error.message, error.details) : error;
}

/** With TLS what was shown decides, and no secret. */
function believing(
  expected: Expected,
  tls: LinkCredentials | undefined,
  shown: () => Shown | undefined,
): Expected {
  if (tls === undefined) return expected;
  return { ...expected, distrust: (hello) => impostor(hello, shown()?.certificate, tls) };
}

/** Waits for the dialler's hello, answers it with ours, or refuses. `done` is called once. */
export function greet(
  socket: WebSocket,
  { ours, expected }: { readonly ours: Identity; readonly expected: Expected },
  done: (outcome: Outcome<Greeted>) => void,
): void {
  // A reset connection; 'close' follows and is what everybody listens to.
  socket.on('error', () => undefined);
  awaitHello(socket, { ours, expected }, (outcome) => {
    if (!outcome.ok) return done(outcome);
    const link = randomUUID();
    const hello = outcome.value;
    // Its own token back: whoever was let in with another one than the swarm's must not learn that.
    socket.send(encodeHello({ ...ours, token: hello.token }, expected.kind, link));
    keepAlive(socket);
    done({ ok: true, value: { socket, hello, sequences: numbering(hello, link, 'listener') } });
  });
}

/** `ours`: the nonce that we said. */
function numbering(
  { protocol, link: theirs }: Hello,
  ours: string,
  end: 'dialler' | 'listener',
): Sequences | undefined {
  if (protocol < NUMBERED_SINCE || theirs === undefined) return undefined;
  const nonces =
    end === 'dialler' ? { dialler: ours, listener: theirs } : { dialler: theirs, listener: ours };
  return sequencesOf(nonces, end);
}

/**
 * Hears the first frame. Calls `done` from within its event, so that a listener added there misses
 * no frame that follows at once.
 */
function awaitHello(
  socket: WebSocket,
  { ours, expected }: { readonly ours: Identity; readonly expected: Expected },
  done: (outcome: Outcome<Hello>) => void,
): void {
  const finish = (outcome: Outcome<Hello>): void => {
    clearTimeout(timer);
    socket.off('message', onMessage);
    socket.off('close', onClose);
    done(outcome);
  };
  const refuse = (error: SwarmError): void => {
    closeWith(socket, error);
    finish({ ok: false, error });
  };
  const onMessage = (data: RawData): void => {
    const outcome = decodeHello(asBytes(data), ours.protocols);
    const refusal = outcome.ok ? refusalOf(outcome.value, ours, expected) : outcome.error;
    if (refusal !== undefined) refuse(refusal);
    else finish(outcome);
  };
  const onClose = (code: number, reason: Buffer): void => {
    finish({ ok: false, error: errorOfClose(code, reason) });
  };
  const timer = setTimeout(() => {
    refuse(new SwarmError('TIMEOUT', `no hello within ${HELLO_DEADLINE_MS} ms`));
  }, HELLO_DEADLINE_MS);
  socket.on('message', onMessage);
  socket.on('close', onClose);
}

/** The bytes of a frame without a copy. ws hands out Buffers unless `binaryType` says otherwise. */
export function asBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function targetOf({ url, expected, credentials }: Omit<DialOptions, 'ours'>): Outcome<URL> {
  const refuse = (code: 'BAD_INPUT' | 'UNAUTHORIZED', message: string): Outcome<URL> => {
    return { ok: false, error: new SwarmError(code, message, { url }) };
  };
  const target = linkUrl(url, expected.kind);
  if (target === undefined)
    return refuse('BAD_INPUT', `"${url}" does not name a node; expected ws://host:port`);
  const isSecure = target.protocol === 'wss:';
  if (isSecure && credentials === undefined) {
    return refuse(
      'UNAUTHORIZED',
      `${url} speaks TLS, and there is no certificate here; join with a token of "raft-manager security token"`,
    );
  }
  if (!isSecure && credentials !== undefined && expected.kind === 'peer') {
    return refuse('UNAUTHORIZED', `${url} is without TLS, and this swarm is not; restart the node there`);
  }
  return { ok: true, value: target };
}

function linkUrl(url: string, kind: LinkKind): URL | undefined {
  if (!URL.canParse(url)) return undefined;
  const target = new URL(LINK_PATHS[kind], url);
  return target.protocol === 'ws:' || target.protocol === 'wss:' ? target : undefined;
}

function errorOfStatus(status: number, url: string): SwarmError {
  if (status === 403)
    return new SwarmError('UNAUTHORIZED', `${url} is not served under this name; advertise it there`, {
      status,
    });
  if (status === 503) return new SwarmError('BUSY', `${url} has no room for another link now`, { status });
  return new SwarmError('WRONG_PROTOCOL', `${url} is no node of a swarm (HTTP ${status})`, { status });
}
