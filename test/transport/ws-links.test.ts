import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmError } from '../../src/protocol/errors.ts';
import { clusterId, type NodeId, nodeId } from '../../src/protocol/ids.ts';
import { HELLO_DEADLINE_MS, MAX_UNGREETED } from '../../src/protocol/limits.ts';
import { closeWith } from '../../src/transport/closing.ts';
import { encodeMessages } from '../../src/transport/codec-encode.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { append, heartbeat } from './messages.ts';
import { TransportRecorder } from './recorder.ts';
import { dialAs, greetAs, type Stranger, type StrangeServer, serveAs } from './stranger.ts';
import { createWsLab, identityOf, type JoinOptions, type WsLab, type WsNode } from './ws-lab.ts';

const A = nodeId('a');
const B = nodeId('b');
const FRAME = encodeMessages([heartbeat(7, { from: B, to: A })]);

let lab: WsLab;
let servers: StrangeServer[] = [];

beforeEach(() => {
  lab = createWsLab();
});
afterEach(async () => {
  vi.useRealTimers();
  await lab.dispose();
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function start(id: NodeId, peers: readonly NodeId[], options: JoinOptions = {}) {
  const node: WsNode = await lab.join(id, options);
  const heard = new TransportRecorder();
  node.transport.start(heard);
  node.transport.setPeers(peers);
  return { ...node, heard };
}

/** A stand-in for peer B that gives a proper hello and then does as `afterHello` says. */
async function serveB(afterHello: (link: number) => 'read' | 'stall', nonce = 'b-1'): Promise<StrangeServer> {
  const identity = identityOf('b', { nonce });
  const server: StrangeServer = await serveAs(({ socket }) => {
    const link = server.links.items.length;
    socket.once('message', () => {
      socket.send(encodeHello(identity, 'peer'));
      if (afterHello(link) === 'stall') socket.pause();
    });
  });
  servers.push(server);
  lab.announce(B, server.url);
  return server;
}

describe('between two nodes', () => {
  test.each([
    { why: 'clusters differ', b: { clusterId: clusterId('other') }, code: 'WRONG_CLUSTER' },
    { why: 'tokens differ', b: { token: 'guess' }, code: 'UNAUTHORIZED' },
  ])('$why: both operators read $code', async ({ b: changed, code }) => {
    const a = await start(A, [B]);
    const b = await start(B, [A], { identity: changed });
    await a.trouble.untilHas((error) => error.code === code);
    await b.trouble.untilHas((error) => error.code === code);
    expect(a.heard.items).toEqual([]);
    expect(b.heard.items).toEqual([]);
  });

  test('a node that is not expected is refused until it is', async () => {
    const a = await start(A, [B]);
    const b = await start(B, []);
    await a.trouble.untilHas((error) => error.code === 'UNKNOWN_NODE');
    b.transport.setPeers([A]);
    await a.heard.untilCount('opened', B, 1);
  });

  test('a node that was removed reads why, and neither log says it again and again', async () => {
    const a = await start(A, [B]);
    const b = await start(B, [A]);
    await Promise.all([a.heard.untilCount('opened', B, 1), b.heard.untilCount('opened', A, 1)]);
    b.transport.setPeers([]);
    await a.heard.untilCount('closed', B, 1);
    const why = 'b knows no member a: it was removed, or has not joined yet';
    await a.trouble.untilHas(
      (error) => error.code === 'UNKNOWN_NODE' && error.message === `link to b: ${why}`,
    );
    // As many attempts as a node makes in minutes.
    for (let attempt = 0; attempt < 10; attempt++) {
      const stranger = await dialAs(b.server.url, '/raft', encodeHello(identityOf('a'), 'peer'));
      expect(await stranger.closed).toMatchObject({ code: 4003, reason: why });
    }
    expect(a.trouble.items.map(({ code }) => code)).toEqual(['UNKNOWN_NODE']);
    expect(b.trouble.items.map(({ message }) => message)).toEqual([why]);
  });

  test('a node that is stopping turns peers away without a word about who they are', async () => {
    const b = await start(B, [A]);
    await b.transport.close();
    const stranger = await dialAs(b.server.url, '/raft', encodeHello(identityOf('a'), 'peer'));
    expect(await stranger.closed).toMatchObject({ reason: 'b is starting, or stopping' });
    expect(b.trouble.items).toEqual([]);
  });

  test('whoever answers at the address of a peer must be that peer', async () => {
    const a = await start(A, [B]);
    const c = await start(nodeId('c'), [A]);
    lab.announce(B, c.server.url);
    await a.trouble.untilHas((error) => error.code === 'UNKNOWN_NODE');
    expect(a.heard.count('opened', B)).toBe(0);
  });

  test('an address that cannot be found or read is asked for again', async () => {
    lab.announce(B, 'nonsense');
    const a = await start(A, [B]);
    await a.trouble.untilHas((error) => error.code === 'BAD_INPUT');
    lab.announce(B, 'http://localhost:1/');
    await a.trouble.until((errors) => errors.filter((error) => error.code === 'BAD_INPUT').length > 1);
    await start(B, [A]);
    await a.heard.untilCount('opened', B, 1);
  });

  test('a turn that does not fit into one frame arrives in several, in order', async () => {
    const a = await start(A, [B]);
    const b = await start(B, [A]);
    await a.heard.untilCount('opened', B, 1);
    const mib = 1024 * 1024;
    const sizes = [7 * mib, 7 * mib, 7 * mib, 20 * mib, mib];
    a.transport.send(
      B,
      sizes.map((size) => append([size], { from: A, to: B })),
    );
    await b.heard.until(() => b.heard.frames(A).flat().length === 4);
    const arrived = b.heard
      .frames(A)
      .flat()
      .map((message) => ('entries' in message ? message.entries : []));
    expect(arrived.map(([entry]) => entry?.data.length)).toEqual([7 * mib, 7 * mib, 7 * mib, mib]);
    expect(a.trouble.items.map((error) => error.code)).toContain('LIMIT_EXCEEDED');
  });
});

describe('an outbound link', () => {
  test('drops a peer that does not read, and comes back', async () => {
    const server = await serveB((link) => (link === 0 ? 'stall' : 'read'));
    const a = await start(A, [B], { maxBufferedBytes: 1024 * 1024 });
    await a.heard.untilCount('opened', B, 1);
    const frame = [append([256 * 1024], { from: A, to: B })];
    // The kernel takes a few MiB before anything is left to us; a leak would take all 256.
    for (let i = 0; i < 1_000 && a.heard.count('closed', B) === 0; i++) {
      a.transport.send(B, frame);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(a.trouble.items.map((error) => error.code)).toEqual(['LIMIT_EXCEEDED']);
    await a.heard.untilCount('opened', B, 2);
    a.transport.send(B, frame);
    const hasFrame = (frames: readonly Uint8Array[]): boolean =>
      frames.some((bytes) => bytes.length > 256 * 1024);
    await server.links.items[1]?.frames.until(hasFrame);
    expect(a.heard.count('closed', B)).toBe(1);
  });

  test('is dialled anew when the peer is heard from another life of its process', async () => {
    const server = await serveB(() => 'read', 'b-1');
    const a = await start(A, [B]);
    await a.heard.untilCount('opened', B, 1);
    await greetAs(a.server.url, 'peer', identityOf('b', { nonce: 'b-2' }));
    await a.heard.untilCount('opened', B, 2);
    expect(a.heard.count('closed', B)).toBe(1);
    expect(server.links.items).toHaveLength(2);
  });

  test('learns why it is refused', async () => {
    const server = await serveAs(({ socket }) => {
      closeWith(socket, new SwarmError('WRONG_PROTOCOL', 'protocol 1 where 2 is spoken'));
    });
    servers.push(server);
    lab.announce(B, server.url);
    const a = await start(A, [B]);
    await a.trouble.untilHas(
      (error) => error.code === 'WRONG_PROTOCOL' && error.message.includes('2 is spoken'),
    );
  });

  test('does not wait for ever for a hello', async () => {
    const server = await serveAs(() => undefined);
    servers.push(server);
    lab.announce(B, server.url);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const a = await start(A, [B]);
    await server.links.until((links) => links.length > 0);
    await vi.advanceTimersByTimeAsync(HELLO_DEADLINE_MS);
    await a.trouble.untilHas((error) => error.code === 'TIMEOUT');
  });

  test('is not spoken to: the peer has a link of its own', async () => {
    const server = await serveB(() => 'read');
    const a = await start(A, [B]);
    await a.heard.untilCount('opened', B, 1);
    server.links.items[0]?.socket.send(FRAME);
    expect(await server.links.items[0]?.closed).toMatchObject({ code: 4005 });
    await a.heard.untilCount('opened', B, 2);
    expect(a.heard.frames(B)).toEqual([]);
  });
});

describe('an inbound link', () => {
  test.each([
    { why: 'no hello but a frame', hello: FRAME, code: 4005 },
    { why: 'another protocol', hello: '{"protocol": 99}', code: 4001 },
    {
      why: 'another cluster',
      hello: encodeHello(identityOf('b', { clusterId: clusterId('x') }), 'peer'),
      code: 4002,
    },
    { why: 'a node that is no peer', hello: encodeHello(identityOf('z'), 'peer'), code: 4003 },
    { why: 'ourselves', hello: encodeHello(identityOf('a'), 'peer'), code: 4003 },
    { why: 'a wrong token', hello: encodeHello(identityOf('b', { token: 'guess' }), 'peer'), code: 4004 },
    { why: 'a client at the wrong door', hello: encodeHello(identityOf('b'), 'client'), code: 4005 },
  ])('is refused with a reason: $why', async ({ hello, code }) => {
    const a = await start(A, [B]);
    const stranger = await dialAs(a.server.url, '/raft', hello);
    stranger.socket.send(FRAME);
    const closed = await stranger.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).not.toBe('');
    expect(stranger.frames.items).toEqual([]);
    expect(a.heard.items).toEqual([]);
  });

  test('is cut before a stranger can fill memory', async () => {
    const a = await start(A, [B]);
    const stranger = await dialAs(a.server.url, '/raft', Buffer.alloc(64 * 1024));
    expect((await stranger.closed).code).toBe(1006);
  });

  test('that stays silent is closed at the deadline', async () => {
    const a = await start(A, []);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stranger = await dialAs(a.server.url, '/raft');
    await vi.advanceTimersByTimeAsync(HELLO_DEADLINE_MS);
    expect((await stranger.closed).code).toBe(4006);
  });

  test('that says nothing gives way to the next when too many wait', async () => {
    // However long it takes to dial them all, no deadline passes meanwhile.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const a = await start(A, [B]);
    const crowd: Stranger[] = [];
    for (let i = 0; i < MAX_UNGREETED; i++) crowd.push(await dialAs(a.server.url, '/raft'));
    const welcome = await greetAs(a.server.url, 'peer', identityOf('b'));
    expect(welcome.socket.readyState).toBe(welcome.socket.OPEN);
    expect((await crowd[0]?.closed)?.code).toBe(1006);
    expect(crowd[1]?.socket.readyState).toBe(WebSocket.OPEN);
    // Whoever has said hello is no stranger, however long ago that was.
    for (let i = 0; i < MAX_UNGREETED; i++) crowd.push(await dialAs(a.server.url, '/raft'));
    expect(welcome.socket.readyState).toBe(WebSocket.OPEN);
    expect(a.misconduct.items[0]).toMatchObject({ kind: 'flood', subject: 'address loopback' });
    for (const { socket } of crowd) socket.terminate();
  });

  test('whose other end does not answer the close is destroyed after a grace', async () => {
    const a = await start(A, [B]);
    const frozen = await greetAs(a.server.url, 'peer', identityOf('b'));
    frozen.socket.pause();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stopped = a.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopped;
    frozen.socket.resume();
    expect((await frozen.closed).code).toBe(4009);
  });

  test('with a malformed frame is closed, and what follows the frame is not heard', async () => {
    const a = await start(A, [B]);
    const bad = await greetAs(a.server.url, 'peer', identityOf('b'));
    bad.socket.send(FRAME);
    bad.socket.send(Buffer.of(1, 99));
    bad.socket.send(FRAME);
    expect((await bad.closed).code).toBe(4005);
    expect(a.heard.frames(B)).toHaveLength(1);
    await a.trouble.untilHas((error) => error.code === 'MALFORMED');
    const good = await greetAs(a.server.url, 'peer', identityOf('b'));
    good.socket.send(FRAME);
    await a.heard.untilFrames(B, 2);
  });

  test('gives way to a newer one of the same peer', async () => {
    const a = await start(A, [B]);
    const old = await greetAs(a.server.url, 'peer', identityOf('b'));
    const young = await greetAs(a.server.url, 'peer', identityOf('b'));
    expect((await old.closed).code).toBe(4009);
    young.socket.send(FRAME);
    await a.heard.untilFrames(B, 1);
  });

  test('that is replaced is told, for what the peer said on it may be lost', async () => {
    await serveB(() => 'read', 'b-1');
    const a = await start(A, [B]);
    await a.heard.untilCount('opened', B, 1);
    await greetAs(a.server.url, 'peer', identityOf('b', { nonce: 'b-1' }));
    await greetAs(a.server.url, 'peer', identityOf('b', { nonce: 'b-1' }));
    expect(a.heard.items.map(({ kind }) => kind)).toEqual(['opened', 'closed', 'opened']);
  });

  test('that closes is told once, although the outbound one still stands', async () => {
    await serveB(() => 'read', 'b-1');
    const a = await start(A, [B]);
    await a.heard.untilCount('opened', B, 1);
    const inbound = await greetAs(a.server.url, 'peer', identityOf('b', { nonce: 'b-1' }));
    inbound.socket.terminate();
    await a.heard.untilCount('closed', B, 1);
    await greetAs(a.server.url, 'peer', identityOf('b', { nonce: 'b-1' }));
    await a.heard.untilCount('opened', B, 2);
    expect(a.heard.count('closed', B)).toBe(1);
  });
});
