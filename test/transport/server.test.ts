import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { nodeId } from '../../src/protocol/ids.ts';
import { MAX_FRAME_BYTES } from '../../src/protocol/limits.ts';
import { SEQUENCE_BYTES } from '../../src/transport/sequence.ts';
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

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** Whatever the answer is: no page may read, frame or keep it. */
function expectClosedTo(headers: IncomingHttpHeaders): void {
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
}

/** Sends bytes as they are, and reads what comes until the other side closes. */
function say(port: number, bytes: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      const [line = '', ...lines] = head.split('\r\n');
      const headers = Object.fromEntries(lines.map((text) => text.split(': ') as [string, string]));
      resolve({ status: Number(line.split(' ')[1]), body, headers });
    });
  });
}

function ask({ port, ...rest }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, path: '/health', agent: false, ...rest },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            body: Buffer.concat(chunks).toString(),
            headers: response.headers,
          }),
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
      const answer = await ask({ port: server.port, headers });
      expect(answer).toMatchObject({ status: 200, body: '{"node":"a"}\n' });
      expectClosedTo(answer.headers);
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
    { why: 'a page that shows an image of us', headers: { 'sec-fetch-site': 'cross-site' }, status: 403 },
    { why: 'a page of this very machine', headers: { 'sec-fetch-site': 'same-site' }, status: 403 },
    { why: 'a name of loopback that nobody gave us', headers: { host: 'localhost.:1' }, status: 403 },
    { why: 'a method that changes things', method: 'POST', status: 405 },
    {
      why: 'a preflight',
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'GET' },
      status: 405,
    },
    { why: 'a body', headers: { 'content-length': '7' }, status: 413 },
    { why: 'a path that climbs', path: '/health/../../etc/passwd', status: 404 },
  ])('refuses $why (pitfall 29)', async ({ why: _, status, ...asked }) => {
    const { server } = await lab.join(A);
    const { headers, ...answer } = await ask({ port: server.port, ...asked });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({ error: expect.any(String) });
    expectClosedTo(headers);
  });

  test('lets nobody in who says two names at once', async () => {
    const { server } = await lab.join(A);
    const { port } = server;
    const host = `host: 127.0.0.1:${port}\r\n`;
    const { status, body } = await say(port, `GET /health HTTP/1.1\r\n${host}${host}\r\n`);
    expect([status, body]).toEqual([403, expect.stringContaining('more than one Host')]);
  });

  test.each([
    { why: 'no request at all', said: 'hello\r\n\r\n', status: 400 },
    { why: 'headers without end', said: `GET / HTTP/1.1\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`, status: 431 },
    {
      why: 'an upgrade that is no handshake',
      said: 'GET /raft HTTP/1.1\r\nHost: HERE\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      status: 400,
    },
    {
      why: 'an upgrade under another name',
      said: 'GET /raft HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      status: 403,
    },
  ])('refuses $why, and says so with the same headers', async ({ said, status }) => {
    const { server } = await lab.join(A);
    const answer = await say(server.port, said.replace('HERE', `127.0.0.1:${server.port}`));
    expect(answer.status).toBe(status);
    expect(answer.body).not.toBe('');
    expectClosedTo(answer.headers);
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
    { why: 'a frame that is too long', pieces: 1, bytes: MAX_FRAME_BYTES + SEQUENCE_BYTES + 1, code: 1009 },
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
