import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { addressesOf, authorityOf, sourceFor } from '../../src/transport/address.ts';
import { openClientLink } from '../../src/transport/client-link.ts';
import { createGuard } from '../../src/transport/http-guard.ts';
import { Recorder, TransportRecorder } from './recorder.ts';
import { createWsLab, identityOf, type JoinOptions, type WsLab } from './ws-lab.ts';

const A = nodeId('a');
const B = nodeId('b');

describe('the addresses of a server', () => {
  test.each([
    { why: 'what it listens on', host: '127.0.0.1', expected: ['127.0.0.1:7100'] },
    { why: 'IPv6 is put in brackets', host: '::1', expected: ['[::1]:7100'] },
    {
      why: 'a name is advertised',
      host: '10.0.0.1',
      advertised: ['n1.example.com'],
      expected: ['n1.example.com:7100', '10.0.0.1:7100'],
    },
    {
      why: 'names are compared in lower case',
      host: '127.0.0.1',
      advertised: ['N1.Example.COM'],
      expected: ['n1.example.com:7100', '127.0.0.1:7100'],
    },
    {
      why: 'a forwarded port',
      host: '0.0.0.0',
      advertised: ['example.com:9000'],
      expected: ['example.com:9000'],
    },
    {
      why: 'the port that URLs leave out',
      host: '0.0.0.0',
      advertised: ['example.com:80'],
      expected: ['example.com:80'],
    },
    { why: 'IPv6 with a port', host: '::', advertised: ['[fd00:0::2]:9000'], expected: ['[fd00::2]:9000'] },
  ])('$why', ({ host, advertised = [], expected }) => {
    expect(addressesOf(host, advertised).map((address) => authorityOf(address, 7100))).toEqual(expected);
  });

  test.each([
    { why: 'every address, and none that could be dialled', host: '0.0.0.0' },
    { why: 'the same in IPv6', host: '::' },
    { why: 'a path', host: '127.0.0.1', advertised: ['example.com/raft'] },
    { why: 'a URL', host: '127.0.0.1', advertised: ['ws://example.com:7100'] },
    { why: 'a user', host: '127.0.0.1', advertised: ['me@example.com'] },
    { why: 'nothing', host: '127.0.0.1', advertised: [''] },
    { why: 'a port that there is not', host: '127.0.0.1', advertised: ['example.com:70000'] },
  ])('cannot be $why', ({ host, advertised = [] }) => {
    expect(() => addressesOf(host, advertised)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});

describe('what a node dials from', () => {
  test.each([
    { why: 'from the address it listens on', host: '192.0.2.7', to: '198.51.100.1', from: '192.0.2.7' },
    {
      why: 'to a name that leads to such an address',
      host: '192.0.2.7',
      to: 'example.com',
      from: '192.0.2.7',
    },
    { why: 'from one loopback address to another', host: '127.0.0.12', to: '127.0.0.1', from: '127.0.0.12' },
    { why: 'in IPv6', host: 'fd00::2', to: '[fd00::3]', from: 'fd00::2' },
    { why: 'it listens everywhere', host: '0.0.0.0', to: '198.51.100.1' },
    { why: 'it does not listen', host: '', to: '198.51.100.1' },
    { why: 'it listens on a name', host: 'n1.example.com', to: '198.51.100.1' },
    { why: 'no way leads out of loopback', host: '127.0.0.1', to: '198.51.100.1' },
    { why: 'a name may lead out of loopback', host: '127.0.0.1', to: 'localhost' },
    { why: 'no way leads into loopback', host: '192.0.2.7', to: '127.0.0.1' },
    { why: 'the other family', host: '192.0.2.7', to: '[fd00::3]' },
  ])('$why', ({ host, to, from }) => {
    expect(sourceFor(host, new URL(`ws://${to}:7100`))?.localAddress).toBe(from);
  });
});

describe('the guard of a server', () => {
  const guard = createGuard({
    addresses: addressesOf('0.0.0.0', ['n1.example.com', 'example.com:9000', '2001:db8::7']),
    port: 7100,
  });
  const asks = (headers: IncomingMessage['headers']) =>
    guard({ headers, url: '/raft' } as IncomingMessage).kind;

  test.each([
    { why: 'an advertised name', host: 'n1.example.com:7100', verdict: 'welcome' },
    { why: 'an advertised name with its own port', host: 'example.com:9000', verdict: 'welcome' },
    { why: 'loopback', host: 'localhost:7100', verdict: 'welcome' },
    { why: 'the wildcard itself, which pages can dial', host: '0.0.0.0:7100', verdict: 'refused' },
    { why: 'the port of another name', host: 'n1.example.com:9000', verdict: 'refused' },
    { why: 'a name that only begins alike', host: 'n1.example.com.evil.example:7100', verdict: 'refused' },
    { why: 'a name below an advertised one', host: 'x.n1.example.com:7100', verdict: 'refused' },
    { why: 'no port', host: 'n1.example.com', verdict: 'refused' },
    { why: 'nothing', host: '', verdict: 'refused' },
    { why: 'an advertised name, shouted', host: 'N1.Example.COM:7100', verdict: 'welcome' },
    { why: 'IPv6', host: '[2001:db8::7]:7100', verdict: 'welcome' },
    { why: 'IPv6 at length', host: '[2001:0db8:0:0:0:0:0:7]:7100', verdict: 'welcome' },
    { why: 'loopback in IPv6 at length', host: '[0:0:0:0:0:0:0:1]:7100', verdict: 'welcome' },
    { why: 'loopback inside IPv6', host: '[::ffff:127.0.0.1]:7100', verdict: 'refused' },
    { why: 'another IPv6', host: '[2001:db8::8]:7100', verdict: 'refused' },
    { why: 'IPv6 that is none', host: '[2001:db8::7::1]:7100', verdict: 'refused' },
    { why: 'something in brackets', host: '[localhost]:7100', verdict: 'refused' },
    { why: 'a name and a password', host: 'me:secret@n1.example.com:7100', verdict: 'refused' },
    { why: 'a name with a dot behind it', host: 'n1.example.com.:7100', verdict: 'refused' },
    { why: 'two names', host: 'n1.example.com:7100,evil.example', verdict: 'refused' },
  ])('$why: $verdict', ({ host, verdict }) => {
    expect(asks({ host })).toBe(verdict);
  });

  test('knows that clients leave out port 80', () => {
    const onDefaultPort = createGuard({ addresses: addressesOf('0.0.0.0', ['example.com']), port: 80 });
    for (const host of ['example.com', 'example.com:80', 'localhost']) {
      expect(onDefaultPort({ headers: { host }, url: '/' } as IncomingMessage).kind).toBe('welcome');
    }
  });

  test('knows that clients leave out port 443 where it speaks TLS', () => {
    const addresses = addressesOf('0.0.0.0', ['example.com']);
    const guardOf = (port: number, scheme: 'http' | 'https') => createGuard({ addresses, port, scheme });
    const verdict = (port: number, scheme: 'http' | 'https') =>
      guardOf(port, scheme)({ headers: { host: 'example.com' }, url: '/' } as IncomingMessage).kind;
    expect([verdict(443, 'https'), verdict(443, 'http'), verdict(80, 'https')]).toEqual([
      'welcome',
      'refused',
      'refused',
    ]);
  });

  test('lets no browser in under whatever name', () => {
    expect(asks({ host: 'n1.example.com:7100', origin: 'http://n1.example.com:7100' })).toBe('refused');
  });
});

describe('nodes at other addresses', () => {
  let lab: WsLab;
  beforeEach(() => {
    lab = createWsLab();
  });
  afterEach(() => lab.dispose());

  const start = async (id: typeof A, peer: typeof A, options: JoinOptions) => {
    const node = await lab.join(id, options);
    const heard = new TransportRecorder();
    node.transport.start(heard);
    node.transport.setPeers([peer]);
    return { ...node, heard };
  };
  const client = (url: string) => openClientLink({ url, identity: identityOf('someone') });
  const acceptClients = () => ({ onRequests: () => undefined, onClosed: () => undefined });

  // Of this machine: not every one has IPv6.
  const loopback = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => internal)
    .map(({ address }) => address);

  test.each(['localhost', ...loopback])('link when they listen on %s', async (host) => {
    const a = await start(A, B, { host });
    const b = await start(B, A, { host });
    await Promise.all([a.heard.untilCount('opened', B, 1), b.heard.untilCount('opened', A, 1)]);
  });

  test('link under the name that they advertise', async () => {
    const a = await start(A, B, { advertised: ['localhost'] });
    const b = await start(B, A, { advertised: ['localhost'] });
    expect(a.server.url).toBe(`ws://localhost:${a.server.port}`);
    await Promise.all([a.heard.untilCount('opened', B, 1), b.heard.untilCount('opened', A, 1)]);
  });

  test('are reached through a forwarded port that they advertise, and through no other', async () => {
    const [known, unknown] = [await forward(), await forward()];
    const { server } = await lab.join(A, { advertised: [known.authority], onClient: acceptClients });
    known.to(server.port);
    unknown.to(server.port);
    expect(server.url).toBe(`ws://${known.authority}`);
    await client(server.url);
    await expect(client(`ws://${unknown.authority}`)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('advertise it there'),
    });
    await Promise.all([known.close(), unknown.close()]);
  });

  test('dial from the address that they listen on, as peers and as clients', async () => {
    const way = await forward();
    const { server } = await lab.join(A, { advertised: [way.authority], onClient: acceptClients });
    way.to(server.port);
    await openClientLink({ url: server.url, identity: identityOf('someone'), from: '127.0.0.12' });
    await start(B, A, { host: '127.0.0.13' });
    await way.untilCalledFrom('127.0.0.13');
    expect(way.callers).toEqual(['127.0.0.12', '127.0.0.13']);
    await way.close();
  });

  test('are told at once when they could not be reached at all', async () => {
    const everywhere = lab.join(A, { host: '0.0.0.0' });
    await expect(everywhere).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});

/** A port of loopback that leads to another one. */
async function forward() {
  let target = 0;
  const sockets = new Set<Socket>();
  const callers = new Recorder<string>();
  const proxy = createServer((socket) => {
    callers.add(socket.remoteAddress ?? '');
    const onward = connect(target, '127.0.0.1');
    for (const end of [socket, onward]) {
      sockets.add(end);
      // One end is cut when the test is over, and the other with it.
      end.on('error', () => end.destroy());
    }
    socket.pipe(onward).pipe(socket);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    authority: `127.0.0.1:${port}`,
    callers: callers.items,
    untilCalledFrom: (address: string) => callers.until((items) => items.includes(address)),
    to: (other: number): void => {
      target = other;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
