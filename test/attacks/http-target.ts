import { createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeRequests } from '../../src/transport/client-codec.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { answerRequests } from '../../src/transport/http-answer.ts';
import { createGuard } from '../../src/transport/http-guard.ts';
import { createPeerNetwork } from '../../src/transport/peer-network.ts';
import type { LinkSecurity } from '../../src/transport/port.ts';
import { createReception } from '../../src/transport/reception.ts';
import { identityOf } from '../transport/ws-lab.ts';
import type { Target } from './targets.ts';

const nothing = (): void => undefined;
/** Whoever says a hello is let in: what comes behind it is to be read, too. */
const SECURITY: LinkSecurity = { tls: undefined, judge: () => ({ ok: true, value: 'work' }) };

/** The door of an instance without a socket: what comes through it is what `feed` is given. */
function openDoor() {
  const identity = identityOf('a');
  const guard = createGuard({ addresses: [], port: 7100 });
  const watched = {
    maxBufferedBytes: 1024,
    leastLevel: () => 1,
    onTrouble: nothing,
    onMisconduct: nothing,
    onBallot: nothing,
  };
  const network = createPeerNetwork({
    ...watched,
    ours: identity,
    host: '127.0.0.1',
    resolve: async () => undefined,
    random: Math.random,
  });
  network.transport.start({ onMessages: nothing, onLinkOpened: nothing, onLinkClosed: nothing });
  const reception = createReception({
    ...{ ...watched, identity, guard, network, security: SECURITY },
    doorstep: { admit: () => true, greeted: nothing, clear: nothing },
    limits: { noteRefusal: nothing },
    visit: () => undefined,
    onClient: () => ({ onRequests: nothing, onClosed: nothing }),
  });
  const http = createServer({ maxHeaderSize: 8 * 1024 });
  answerRequests(http, { guard, visit: () => undefined, health: () => ({ id: 'a' }) });
  http.on('upgrade', reception.upgrade);
  return http;
}

/** One WebSocket frame as a client masks it, with zero. */
function frame(payload: Uint8Array): Buffer {
  const head = Buffer.from([0x82, 0x80 | 126, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

function seeds(): readonly Buffer[] {
  const host = 'Host: 127.0.0.1:7100\r\n';
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const hello = Buffer.from(encodeHello(identityOf('someone'), 'client'));
  const request = encodeRequests([{ requestId: 1, kind: 2, body: Buffer.from('x') }]);
  return [
    Buffer.from(`GET /health HTTP/1.1\r\n${host}\r\n`),
    Buffer.from(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
    Buffer.from(`GET /raft HTTP/1.1\r\n${host}${upgrade}\r\n`),
    Buffer.concat([
      Buffer.from(`GET /client HTTP/1.1\r\n${host}${upgrade}\r\n`),
      frame(hello),
      frame(request),
    ]),
  ];
}

export function createHttpTarget(): Target {
  const http = openDoor();
  return {
    name: 'requests, upgrades and WebSocket frames',
    share: 3,
    seeds: seeds(),
    async feed(bytes) {
      const [stranger, door] = duplexPair();
      for (const end of [stranger, door]) end.on('error', nothing);
      http.emit('connection', door);
      stranger.resume();
      stranger.end(bytes);
      // Reading, answering, and the hello behind an upgrade.
      for (let turns = 0; turns < 4; turns++) await turn();
      stranger.destroy();
      door.destroy();
      await turn();
    },
  };
}
