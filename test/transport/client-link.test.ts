import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SwarmError } from '../../src/protocol/errors.ts';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import { MAX_FRAME_BYTES } from '../../src/protocol/limits.ts';
import {
  type ClientRequest,
  decodeResponses,
  encodeRequests,
  STATUS_ERROR,
  STATUS_LINK_CLOSED,
  STATUS_OK,
} from '../../src/transport/client-codec.ts';
import type { ClientConnection, ClientHandlers } from '../../src/transport/client-connection.ts';
import { type ClientLink, openClientLink } from '../../src/transport/client-link.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { Recorder } from './recorder.ts';
import { dialAs, greetAs, type StrangeServer, serveAs } from './stranger.ts';
import { createWsLab, identityOf, type WsLab } from './ws-lab.ts';

const A = nodeId('a');

type Answer = readonly [status: number, body: string];

/** The layer above the server: keeps what it hears, and answers as `reply` says. */
class Desk {
  readonly connections = new Recorder<ClientConnection>();
  readonly batches = new Recorder<readonly ClientRequest[]>();
  readonly closed = new Recorder<string>();
  private readonly reply: (connection: ClientConnection, request: ClientRequest) => void;

  constructor(reply: (connection: ClientConnection, request: ClientRequest) => void) {
    this.reply = reply;
  }

  readonly onClient = (connection: ClientConnection): ClientHandlers => {
    this.connections.add(connection);
    return {
      onRequests: (requests) => {
        this.batches.add(requests);
        for (const request of requests) this.reply(connection, request);
      },
      onClosed: () => this.closed.add(connection.client),
    };
  };
}

const echo = (connection: ClientConnection, { requestId, kind, body }: ClientRequest): void =>
  connection.respond(requestId, kind === 0 ? STATUS_OK : STATUS_ERROR, body);
const silence = (): void => undefined;

let lab: WsLab;
let server: StrangeServer | undefined;
beforeEach(() => {
  lab = createWsLab();
});
afterEach(async () => {
  await lab.dispose();
  await server?.close();
  server = undefined;
});

/** A node with `desk`, and a client linked to it. */
async function connect(desk: Desk, maxBufferedBytes = 64 * 1024 * 1024) {
  const node = await lab.join(A, { onClient: desk.onClient, maxBufferedBytes });
  const pushes = new Recorder<string>();
  const closed = new Recorder<SwarmError>();
  const link = await openClientLink({
    url: node.server.url,
    identity: identityOf('terminal'),
    onPush: (body) => {
      pushes.add(text(body));
      return undefined;
    },
    onClosed: (error) => closed.add(error),
  });
  return { node, link, pushes, closed };
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString();
}

/** Asks and keeps the answers in the order in which they come. */
function asker(link: ClientLink): { ask: (kind: number, body: string) => void; answers: Recorder<Answer> } {
  const answers = new Recorder<Answer>();
  return {
    answers,
    ask: (kind, body) =>
      link.request(kind, Buffer.from(body), (status, reply) => answers.add([status, text(reply)])),
  };
}

describe('a client link', () => {
  test('carries what is asked in one turn as one batch, and each answer to its question', async () => {
    const desk = new Desk(echo);
    const { link, node } = await connect(desk);
    expect(link.nodeId).toBe('a');
    const { ask, answers } = asker(link);
    ask(0, 'one');
    ask(7, 'two');
    ask(0, '');
    await answers.until((items) => items.length === 3);
    expect(answers.items).toEqual([
      [STATUS_OK, 'one'],
      [STATUS_ERROR, 'two'],
      [STATUS_OK, ''],
    ]);
    expect(desk.batches.items.map((batch) => batch.map((request) => request.kind))).toEqual([[0, 7, 0]]);
    expect(desk.connections.items[0]?.client).toBe('terminal');
    expect(node.trouble.items).toEqual([]);
  });

  test('takes answers in any order', async () => {
    const held: (() => void)[] = [];
    const desk = new Desk((connection, request) => held.unshift(() => echo(connection, request)));
    const { link } = await connect(desk);
    const { ask, answers } = asker(link);
    for (const body of ['one', 'two', 'three']) ask(0, body);
    await desk.batches.until((batches) => batches.length === 1);
    for (const release of held) release();
    await answers.until((items) => items.length === 3);
    expect(answers.items.map(([, body]) => body)).toEqual(['three', 'two', 'one']);
  });

  test('answers of one turn leave in one frame', async () => {
    const node = await lab.join(A, { onClient: new Desk(echo).onClient });
    const stranger = await greetAs(node.server.url, 'client', identityOf('raw'));
    const requests = [1, 2, 3].map((requestId) => ({ requestId, kind: 0, body: Buffer.from('x') }));
    stranger.socket.send(encodeRequests(requests));
    await stranger.frames.until((frames) => frames.length === 2);
    expect(decodeResponses(stranger.frames.items[1] ?? Buffer.of())).toMatchObject({ value: { length: 3 } });
  });

  test('brings what was not asked for, in order with the answers', async () => {
    const desk = new Desk((connection, request) => {
      connection.push(Buffer.from('before'));
      echo(connection, request);
      connection.push(Buffer.from('after'));
    });
    const { link, pushes } = await connect(desk);
    const { ask, answers } = asker(link);
    ask(0, 'x');
    await pushes.until((items) => items.length === 2);
    expect(pushes.items).toEqual(['before', 'after']);
    expect(answers.items).toEqual([[STATUS_OK, 'x']]);
  });

  test('cuts a turn that is too much for one frame', async () => {
    const desk = new Desk((connection, { requestId, body }) =>
      connection.respond(requestId, STATUS_OK, Buffer.from(String(body.length))),
    );
    const { link } = await connect(desk);
    const { ask, answers } = asker(link);
    const half = 'x'.repeat(MAX_FRAME_BYTES / 2);
    for (let i = 0; i < 3; i++) ask(0, half);
    await answers.until((items) => items.length === 3);
    expect(desk.batches.items.map((batch) => batch.length)).toEqual([1, 1, 1]);
    expect(() => link.request(0, Buffer.alloc(MAX_FRAME_BYTES), silence)).toThrow('send it in parts');
  });

  test('that the node closes answers every open question once', async () => {
    const desk = new Desk(silence);
    const { link, node, closed } = await connect(desk);
    const { ask, answers } = asker(link);
    ask(0, 'one');
    ask(0, 'two');
    await desk.batches.until((batches) => batches.length === 1);
    await node.stop();
    await closed.until((items) => items.length === 1);
    ask(0, 'late');
    await answers.until((items) => items.length === 3);
    expect(answers.items).toEqual(Array(3).fill([STATUS_LINK_CLOSED, '']));
    expect(closed.items.map((error) => error.code)).toEqual(['STOPPED']);
    expect(desk.closed.items).toEqual(['terminal']);
  });

  test('that the client closes still delivers what was asked in the same turn', async () => {
    const desk = new Desk(silence);
    const { link } = await connect(desk);
    const { ask, answers } = asker(link);
    ask(0, 'last words');
    await link.close();
    await desk.closed.until((items) => items.length === 1);
    expect(desk.batches.items.flat().map((request) => text(request.body))).toEqual(['last words']);
    expect(answers.items).toEqual([[STATUS_LINK_CLOSED, '']]);
  });

  test.each([
    { why: 'another cluster', identity: { clusterId: clusterId('x') }, code: 'WRONG_CLUSTER' },
    { why: 'a wrong token', identity: { token: 'guess' }, code: 'UNAUTHORIZED' },
  ])('is refused with the reason: $why', async ({ identity, code }) => {
    const desk = new Desk(silence);
    const { server: node } = await lab.join(A, { onClient: desk.onClient });
    const opening = openClientLink({ url: node.url, identity: identityOf('terminal', identity) });
    await expect(opening).rejects.toMatchObject({ code });
    expect(desk.connections.items).toEqual([]);
  });

  test('to nobody says that nobody is there', async () => {
    const node = await lab.join(A);
    await node.stop();
    const opening = openClientLink({ url: node.server.url, identity: identityOf('terminal') });
    await expect(opening).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });

  test('to something that is no node says so', async () => {
    server = await serveAs(({ socket }) => socket.send('welcome to the chat'));
    const opening = openClientLink({ url: server.url, identity: identityOf('terminal') });
    await expect(opening).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  test('to somebody who says nothing is given up in time', async () => {
    server = await serveAs(() => undefined);
    const opening = openClientLink({ url: server.url, identity: identityOf('terminal'), timeoutMs: 1 });
    await expect(opening).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('within 1 ms'),
    });
  });

  test('to no WebSocket URL says what one looks like', async () => {
    const opening = openClientLink({ url: 'http://localhost:1', identity: identityOf('terminal') });
    await expect(opening).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('with a node that talks nonsense is closed', async () => {
    server = await serveAs(({ socket }) => {
      socket.once('message', () => {
        socket.send(encodeHello(identityOf('a'), 'client'));
        socket.send(Buffer.of(1, 2, 3));
      });
    });
    const closed = new Recorder<SwarmError>();
    const identity = identityOf('terminal');
    await openClientLink({ url: server.url, identity, onClosed: (error) => closed.add(error) });
    await closed.untilHas((error) => error.code === 'MALFORMED');
  });
});

describe('a node', () => {
  test('drops a client that does not read, and goes on with the others', async () => {
    const desk = new Desk(echo);
    const { link, node } = await connect(desk, 1024 * 1024);
    const lazy = await greetAs(node.server.url, 'client', identityOf('lazy'));
    lazy.socket.pause();
    const connection = desk.connections.items.find(({ client }) => client === 'lazy');
    const body = Buffer.alloc(256 * 1024);
    // The kernel takes a few MiB before anything is left to us; a leak would take all 256.
    for (let i = 0; i < 1_000 && desk.closed.items.length === 0; i++) {
      connection?.push(body);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(desk.closed.items).toEqual(['lazy']);
    expect(node.trouble.items.map((error) => error.code)).toEqual(['LIMIT_EXCEEDED']);
    connection?.push(body);
    const { ask, answers } = asker(link);
    ask(0, 'still here');
    await answers.until((items) => items.length === 1);
  });

  test('closes a client whose frame is malformed, says why, and hears nothing more', async () => {
    const desk = new Desk(echo);
    const node = await lab.join(A, { onClient: desk.onClient });
    const stranger = await greetAs(node.server.url, 'client', identityOf('raw'));
    stranger.socket.send(Buffer.of(0, 0, 0, 0, 1, 0, 0, 0, 0));
    stranger.socket.send(encodeRequests([{ requestId: 1, kind: 0, body: Buffer.of() }]));
    expect(await stranger.closed).toMatchObject({
      code: 4005,
      reason: expect.stringContaining('request id 0'),
    });
    expect(desk.batches.items).toEqual([]);
  });

  test('does not take a peer for a client', async () => {
    const node = await lab.join(A, { onClient: new Desk(echo).onClient });
    const stranger = await dialAs(node.server.url, '/client', encodeHello(identityOf('b'), 'peer'));
    expect((await stranger.closed).code).toBe(4005);
  });

  test('can end a link itself, after what it has said', async () => {
    const desk = new Desk((connection, request) => {
      echo(connection, request);
      connection.close();
    });
    const { link, closed } = await connect(desk);
    const { ask, answers } = asker(link);
    ask(0, 'bye');
    await closed.until((items) => items.length === 1);
    expect(answers.items).toEqual([[STATUS_OK, 'bye']]);
  });
});
