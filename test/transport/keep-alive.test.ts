import { once } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { KEEP_ALIVE_INTERVAL_MS } from '../../src/protocol/limits.ts';
import { encodeRequests } from '../../src/transport/client-codec.ts';
import type { ClientConnection, ClientHandlers } from '../../src/transport/client-connection.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { dialAs, greetAs } from './stranger.ts';
import { createWsLab, identityOf, type WsLab } from './ws-lab.ts';

let lab: WsLab;
beforeEach(() => {
  lab = createWsLab();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await lab.dispose();
});

function onClient(connection: ClientConnection): ClientHandlers {
  return {
    onRequests(requests) {
      for (const { requestId, body } of requests) connection.respond(requestId, 0, body);
    },
    onClosed: () => undefined,
  };
}

test('a link whose other end answers no ping is ended', async () => {
  const { server } = await lab.join(nodeId('a'), { onClient });
  const hello = encodeHello(identityOf('frozen'), 'client');
  const frozen = await dialAs(server.url, '/client', hello, { autoPong: false });
  await frozen.frames.until((frames) => frames.length === 1);
  await vi.advanceTimersByTimeAsync(4 * KEEP_ALIVE_INTERVAL_MS);
  expect((await frozen.closed).code).toBe(1006);
});

test('a quiet link whose other end answers stays', async () => {
  const { server } = await lab.join(nodeId('a'), { onClient });
  const quiet = await greetAs(server.url, 'client', identityOf('quiet'));
  for (let round = 1; round <= 8; round++) {
    const pinged = once(quiet.socket, 'ping');
    await vi.advanceTimersByTimeAsync(KEEP_ALIVE_INTERVAL_MS);
    await pinged;
    // The answer to this comes after the pong was read.
    quiet.socket.send(encodeRequests([{ requestId: round, kind: 0, body: Buffer.of() }]));
    await quiet.frames.until((frames) => frames.length === round + 1);
  }
  expect(quiet.socket.readyState).toBe(quiet.socket.OPEN);
});
