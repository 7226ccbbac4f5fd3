import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { get, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { nodeId } from '../../src/protocol/ids.ts';
import { MAX_FRAME_BYTES } from '../../src/protocol/limits.ts';
import { TransportRecorder } from './recorder.ts';
import { greetAs } from './stranger.ts';
import { createWsLab, identityOf, type WsLab } from './ws-lab.ts';

const A = nodeId('a');

let lab: WsLab;
beforeEach(() => {
  lab = createWsLab();
});
afterEach(() => lab.dispose());

interface Asked {
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask({ port, ...rest }: Asked): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, path: '/health', agent: false, ...rest },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    asking.on('error', reject);
    asking.end();
  });
}

describe('the server', () => {
  test('says its health to whoever asks from this machine', async () => {
    const { server } = await lab.join(A);
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) {
      const headers = { host: `${name}:${server.port}` };
      expect(await ask({ port: server.port, headers })).toEqual({ status: 200, body: '{"node":"a"}\n' });
    }
  });

  const evil = 'http://example.com';
  test.each([
    { why: 'a rebound DNS name', headers: { host: 'example.com' }, status: 403 },
    { why: 'the right name with another port', headers: { host: '127.0.0.1:1' }, status: 403 },
    { why: 'the right name without a port', headers: { host: '127.0.0.1' }, status: 403 },
    { why: 'a page in a browser', headers: { origin: evil }, status: 403 },
    { why: 'a sandboxed page', headers: { origin: 'null' }, status: 403 },
    { why: 'an unknown page', path: '/secret', status: 404 },
    { why: 'a method that changes things', method: 'POST', status: 405 },
  ])('refuses $why (pitfall 29)', async ({ why: _, status, ...asked }) => {
    const { server } = await lab.join(A);
    expect((await ask({ port: server.port, ...asked })).status).toBe(status);
  });

  test.each([
    { why: 'a rebound DNS name', path: '/raft', headers: { host: 'example.com' }, status: 403 },
    { why: 'a page in a browser', path: '/client', headers: { origin: evil }, status: 403 },
    {
      why: 'a page that claims to be local',
      path: '/client',
      headers: { origin: 'http://localhost' },
      status: 403,
    },
    { why: 'an unknown path', path: '/other', headers: {}, status: 404 },
  ])('refuses an upgrade (pitfall 29): $why', async ({ path, headers, status }) => {
    const { server } = await lab.join(A);
    const socket = new WebSocket(`${server.url}${path}`, { headers });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toBe(`Unexpected server response: ${status}`);
  });

  test.each([
    { why: 'a frame in more pieces than a proxy makes', pieces: 100, bytes: 1, code: 1008 },
    { why: 'a frame that is too long', pieces: 1, bytes: MAX_FRAME_BYTES + 1, code: 1009 },
  ])('cuts off whoever sends $why (pitfall 30)', async ({ pieces, bytes, code }) => {
    const { server, transport } = await lab.join(A);
    transport.start(new TransportRecorder());
    transport.setPeers([nodeId('b')]);
    const { closed, socket } = await greetAs(server.url, 'peer', identityOf('b'));
    for (let piece = 1; piece <= pieces; piece++) socket.send(Buffer.alloc(bytes), { fin: piece === pieces });
    expect((await closed).code).toBe(code);
  });

  test('says what to do when the port is taken', async () => {
    const { server } = await lab.join(A);
    const { port } = server;
    const error = await lab.join(nodeId('b'), { port }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'PORT_IN_USE', details: { port } });
    expect((error as Error).message).toContain(`port ${port} on 127.0.0.1 is in use; stop`);
  });

  test('frees its port when it is closed, idle connections or not', async () => {
    const { server } = await lab.join(A);
    const { port } = server;
    const [response] = await once(get({ host: '127.0.0.1', port, path: '/health' }), 'response');
    response.resume();
    await server.close();
    const again = await lab.join(A, { port });
    expect(again.server.port).toBe(port);
  });

  test('leaves nothing behind that would keep a process alive', async () => {
    const script = fileURLToPath(new URL('./fixtures/open-and-close.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
      timeout: 60_000,
    });
    expect(stdout).toBe('closed\n');
  });
});
