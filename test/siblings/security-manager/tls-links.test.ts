import { once } from 'node:events';
import { type AddressInfo, connect as connectPlainly, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterId, type NodeId, nodeId } from '../../../src/protocol/ids.ts';
import type { Authority } from '../../../src/siblings/security-manager/authority.ts';
import { createPort, onFailedHandshake } from '../../../src/transport/tls.ts';
import { transportContract } from '../../transport/contract.ts';
import { heartbeat } from '../../transport/messages.ts';
import { TransportRecorder } from '../../transport/recorder.ts';
import { dialAs } from '../../transport/stranger.ts';
import {
  createWsLab,
  identityOf,
  type JoinOptions,
  type WsLab,
  type WsNode,
} from '../../transport/ws-lab.ts';
import { authority, certify, credentials, HOUR_MS } from './pki.ts';
import { type Post, postOf, securityOf } from './tls-post.ts';

const A = nodeId('a');
const B = nodeId('b');
transportContract('ws over TLS', () => {
  const lab = createWsLab();
  const ca = authority();
  return { ...lab, join: async (id) => lab.join(id, securityOf(await postOf(await ca, id))) };
});

let lab: WsLab;
let ca: Authority;
beforeEach(async () => {
  lab = createWsLab();
  ca = await authority();
});
afterEach(() => lab.dispose());

interface Started extends WsNode {
  readonly heard: TransportRecorder;
  readonly post: Post;
}

async function start(id: NodeId, post: Post, options: JoinOptions = {}): Promise<Started> {
  const node = await lab.join(id, { ...securityOf(post), ...options });
  const heard = new TransportRecorder();
  node.transport.start(heard);
  node.transport.setPeers([A, B]);
  return { ...node, heard, post };
}

async function startPair(): Promise<{ a: Started; b: Started }> {
  const [a, b] = [await start(A, await postOf(ca, 'a')), await start(B, await postOf(ca, 'b'))];
  await a.heard.untilCount('opened', B, 1);
  await b.heard.untilCount('opened', A, 1);
  return { a, b };
}

describe('members under TLS', () => {
  test('speak version 1.3, and nothing older is spoken', async () => {
    const { a } = await startPair();
    expect(a.server.url).toMatch(/^wss:\/\/127\.0\.0\.1:/);
    expect(a.server.links().map(({ cipher }) => cipher)).toEqual([
      expect.stringMatching(/^TLS_AES|^TLS_CHACHA20/),
      expect.stringMatching(/^TLS_AES|^TLS_CHACHA20/),
    ]);
    const old = connect({
      port: a.server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    const refusal = await new Promise<Error>((resolve) => old.once('error', resolve));
    expect(refusal.message).toMatch(/protocol version/i);
    await a.misconduct.untilHas(
      ({ kind, subject, detail }) =>
        kind === 'refused-hello' && subject === 'address loopback' && /TLS handshake/.test(detail),
    );
  });

  test.each([
    {
      why: 'expired',
      row: async () =>
        certify(ca, {
          name: 'b',
          from: new Date(Date.now() - 2 * HOUR_MS),
          until: new Date(Date.now() - HOUR_MS),
        }),
      told: /expired/,
    },
    {
      why: 'of another authority',
      row: async () => certify(await authority(), { name: 'b' }),
      told: /not trusted here/,
    },
    {
      why: 'of another cluster',
      row: () => certify(ca, { name: 'b', clusterId: 'other' }),
      told: /another cluster/,
    },
    { why: 'of another member', row: () => certify(ca, { name: 'c' }), told: /certificate of c/ },
    {
      why: 'of a client',
      row: () => certify(ca, { name: 'b', kind: 'client' }),
      told: /certificate of a client/,
    },
  ])('refuse a certificate that is $why, with the reason', async ({ row, told }) => {
    const a = await start(A, await postOf(ca, 'a'));
    const pair = await row();
    // What it dials with; what it shows to whoever dials it is good, so that only this is refused.
    await start(B, await postOf(ca, 'b'), { credentials: () => credentials(pair, [ca.certificate]) });
    await a.trouble.untilHas(({ message }) => told.test(message));
    await a.misconduct.untilHas(({ kind, detail }) => kind === 'refused-hello' && told.test(detail));
    expect(a.server.links().filter(({ direction }) => direction === 'in')).toEqual([]);
  });

  test.each([
    {
      why: 'expired',
      row: async () =>
        certify(ca, {
          name: 'b',
          from: new Date(Date.now() - 2 * HOUR_MS),
          until: new Date(Date.now() - HOUR_MS),
        }),
      told: /has expired/,
    },
    {
      why: 'of another authority',
      row: async () => certify(await authority(), { name: 'b' }),
      told: /not trusted here/,
    },
    { why: 'of another member', row: () => certify(ca, { name: 'c' }), told: /has the certificate of c/ },
  ])('do not talk to one who answers with a certificate that is $why', async ({ row, told }) => {
    const a = await start(A, await postOf(ca, 'a'));
    await start(B, await postOf(ca, 'b', { pair: await row() }), { credentials: () => undefined });
    await a.trouble.untilHas(({ code, message }) => code === 'UNAUTHORIZED' && told.test(message));
    expect(a.heard.count('opened', B)).toBe(0);
  });

  test('refuse one who has the secret of the swarm and no certificate', async () => {
    const a = await start(A, await postOf(ca, 'a'));
    const stranger = await dialAs(
      a.server.url,
      '/raft',
      JSON.stringify({ protocol: 1, kind: 'peer', ...identityOf('b') }),
      {
        ca: ca.certificate,
        checkServerIdentity: () => false,
      },
    );
    expect(await stranger.closed).toMatchObject({
      code: 4004,
      reason: expect.stringMatching(/members show a certificate/),
    });
    await a.misconduct.untilHas(({ kind, detail }) => kind === 'refused-hello' && /certificate/.test(detail));
  });

  test('dial nobody without TLS', async () => {
    const a = await start(A, await postOf(ca, 'a'));
    const plain = await lab.join(B);
    await a.trouble.untilHas(
      ({ code, message }) => code === 'UNAUTHORIZED' && /is without TLS/.test(message),
    );
    await plain.stop();
  });

  test('cut off at once who is revoked, on both links', async () => {
    const { a, b } = await startPair();
    a.post.revoked = ['b'];
    a.server.recheck();
    await a.heard.untilCount('closed', B, 1);
    await b.trouble.untilHas(({ message }) => /b was revoked/.test(message));
    const heard = a.heard.frames(B).length;
    b.transport.send(A, [heartbeat(9, { from: B, to: A })]);
    await b.trouble.untilHas(({ code }) => code === 'REVOKED');
    expect(a.heard.frames(B)).toHaveLength(heard);
  });

  test.each([
    { why: 'the member that was dialled', shown: { name: 'b' }, told: 'REVOKED', times: 1 },
    { why: 'a client in its place', shown: { name: 'b', kind: 'client' }, told: 'UNAUTHORIZED', times: 0 },
    { why: 'another member in its place', shown: { name: 'c' }, told: 'UNAUTHORIZED', times: 0 },
  ] as const)('hear from $why that they were revoked: $told', async ({ shown, told, times }) => {
    const said: string[] = [];
    const a = await start(A, await postOf(ca, 'a'), { onRevoked: ({ message }) => said.push(message) });
    // It says so of everybody, and dials nobody.
    const b = await postOf(ca, 'b', { pair: await certify(ca, shown), revoked: ['a'] });
    await start(B, b, { credentials: () => undefined });
    await a.trouble.untilHas(({ code, message }) => code === told && /a was revoked/.test(message));
    expect(said).toHaveLength(times);
  });

  test('change over to another authority and new certificates without a gap', async () => {
    const { a, b } = await startPair();
    const next = await authority();
    for (const { post, server } of [a, b]) {
      post.trusted = [ca.certificate, next.certificate];
      server.recheck();
    }
    for (const [node, name] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      node.post.pair = await certify(next, { name });
      node.server.recheck();
      await node.server.renewLinks();
    }
    for (const { post, server } of [a, b]) {
      // Once more: what the others show is new since it dialled them.
      await server.renewLinks();
      post.trusted = [next.certificate];
      server.recheck();
    }
    a.transport.send(B, [heartbeat(3, { from: A, to: B })]);
    await b.heard.untilFrames(A, 1);
    expect(a.heard.count('closed', B) + b.heard.count('closed', A)).toBe(0);
  });

  test('cut what was opened with an authority that is not trusted any more', async () => {
    const { a } = await startPair();
    a.post.trusted = [(await authority()).certificate];
    a.server.recheck();
    await a.heard.untilCount('closed', B, 1);
    await a.trouble.untilHas(({ code }) => code === 'UNAUTHORIZED');
  });
});

describe('whoever says nothing to a port with TLS', () => {
  test('is cut off when the time for a handshake is over', async () => {
    const { security } = securityOf(await postOf(ca, 'a'));
    const port = createPort({ handshakeTimeout: 1 }, security);
    // As the answers to what is no request do: Node leaves the connection to whoever listens.
    port.on('clientError', () => undefined);
    let from: string | undefined;
    onFailedHandshake(port, (_cause, address) => {
      from = address;
    });
    await once(port.listen(0, '127.0.0.1'), 'listening');
    const silent = dial((port.address() as AddressInfo).port);
    await once(silent, 'close');
    expect(from).toBe('127.0.0.1');
    await new Promise((resolve) => port.close(resolve));
  });

  test('does not keep a node from stopping', async () => {
    const { server, stop } = await start(A, await postOf(ca, 'a'));
    const silent = dial(server.port);
    await once(silent, 'connect');
    await Promise.all([stop(), once(silent, 'close')]);
  });

  function dial(port: number): Socket {
    return connectPlainly(port, '127.0.0.1').on('error', () => undefined);
  }
});

test('a cluster of another id is refused before anything else is looked at', async () => {
  const a = await start(A, await postOf(ca, 'a'));
  const b = await start(B, await postOf(ca, 'b'), { identity: { clusterId: clusterId('other') } });
  await b.trouble.untilHas(({ code }) => code === 'WRONG_CLUSTER');
  await a.trouble.untilHas(({ code }) => code === 'WRONG_CLUSTER');
});
