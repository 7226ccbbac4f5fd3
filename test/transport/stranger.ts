import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ClientOptions, type RawData, WebSocket, WebSocketServer } from 'ws';
import { decodeHello, encodeHello, type Identity, type LinkKind } from '../../src/transport/hello.ts';
import { type Sequences, sequencesOf } from '../../src/transport/sequence.ts';
import { Recorder } from './recorder.ts';

/** A WebSocket of somebody who need not keep to our protocol. */
export interface Stranger {
  readonly socket: WebSocket;
  readonly frames: Recorder<Uint8Array>;
  /** The code and reason with which the other side closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** Dials `url` + `path` and says `hello`, if there is one, as its first frame. */
export async function dialAs(
  url: string,
  path: string,
  hello?: string | Uint8Array,
  options: ClientOptions = {},
): Promise<Stranger> {
  const stranger = watch(new WebSocket(`${url}${path}`, { perMessageDeflate: false, ...options }));
  await once(stranger.socket, 'open');
  if (hello !== undefined) stranger.socket.send(hello);
  return stranger;
}

/** Dials with a proper hello and waits for the answer. */
export async function greetAs(
  url: string,
  kind: LinkKind,
  identity: Identity,
  options: ClientOptions = {},
): Promise<Stranger> {
  const path = kind === 'peer' ? '/raft' : '/client';
  const stranger = await dialAs(url, path, encodeHello(identity, kind), options);
  await stranger.frames.until((frames) => frames.length > 0);
  return stranger;
}

/** The same as a release that numbers its frames; `sequences` are those of the stranger's end. */
export async function greetNumbered(
  url: string,
  kind: LinkKind,
  identity: Identity,
  options: ClientOptions = {},
): Promise<Stranger & { readonly sequences: Sequences }> {
  const path = kind === 'peer' ? '/raft' : '/client';
  const said = encodeHello(identity, kind, 'drawn-by-the-dialler');
  const stranger = await dialAs(url, path, said, options);
  await stranger.frames.until((frames) => frames.length > 0);
  const [answer] = stranger.frames.items;
  const hello = decodeHello(answer ?? Buffer.of());
  if (!hello.ok) throw hello.error;
  const nonces = { dialler: 'drawn-by-the-dialler', listener: hello.value.link ?? '' };
  return { ...stranger, sequences: sequencesOf(nonces, 'dialler') };
}

export interface StrangeServer {
  readonly url: string;
  readonly links: Recorder<Stranger>;
  close(): Promise<void>;
}

/** Listens where a node would, and leaves the answers to `onLink`. */
export async function serveAs(onLink: (stranger: Stranger) => void): Promise<StrangeServer> {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  const links = new Recorder<Stranger>();
  sockets.on('connection', (socket) => {
    const stranger = watch(socket);
    onLink(stranger);
    links.add(stranger);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    links,
    async close() {
      for (const { socket } of links.items) socket.terminate();
      sockets.close();
      http.close();
      await once(http, 'close');
    },
  };
}

function watch(socket: WebSocket): Stranger {
  const frames = new Recorder<Uint8Array>();
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  // A connection that is cut is an expected outcome here; `closed` tells about it.
  socket.on('error', () => undefined);
  socket.on('message', (data: RawData) => frames.add(data as Buffer));
  return { socket, frames, closed };
}
