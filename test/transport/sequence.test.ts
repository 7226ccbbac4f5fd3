import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ClientOptions } from 'ws';
import { nodeId } from '../../src/protocol/ids.ts';
import type { Authority } from '../../src/siblings/security-manager/authority.ts';
import { judge } from '../../src/siblings/security-manager/gate.ts';
import { readRecords } from '../../src/siblings/security-manager/records.ts';
import { encodeRequests } from '../../src/transport/client-codec.ts';
import type { ClientHandlers } from '../../src/transport/client-connection.ts';
import { encodeMessages } from '../../src/transport/codec-encode.ts';
import { encodeHello, type Identity } from '../../src/transport/hello.ts';
import { type Sequences, sequencesOf, take } from '../../src/transport/sequence.ts';
import { authority, certify, trustIn } from '../siblings/security-manager/pki.ts';
import { heartbeat } from './messages.ts';
import { Recorder, TransportRecorder } from './recorder.ts';
import { dialAs, greetAs, greetNumbered } from './stranger.ts';
import { createWsLab, identityOf, type JoinOptions, type WsLab } from './ws-lab.ts';

const A = nodeId('a');
const B = nodeId('b');

/** How a link is spoken: what the node shows, and what the stranger at the other end does. */
interface Wire {
  readonly node: Pick<JoinOptions, 'security'>;
  readonly stranger: ClientOptions;
}

let lab: WsLab;
let ca: Authority;
beforeAll(async () => {
  ca = await authority();
});
beforeEach(() => {
  lab = createWsLab();
});
afterEach(() => lab.dispose());

async function underTls(): Promise<Wire> {
  const shown = await certify(ca, { name: 'a' });
  const { certificate: cert, key } = await certify(ca, { name: 'b' });
  const trust = trustIn([ca.certificate]);
  const view = { clusterId: 'test', localToken: 'secret', trust, records: readRecords([]) };
  return {
    node: {
      security: {
        tls: { ...shown, ca: ca.certificate },
        judge: (claim) => judge(claim, view, Date.now()),
      },
    },
    stranger: { ca: ca.certificate, cert, key, checkServerIdentity: () => false },
  };
}

const WIRES = [
  { wire: 'in the clear', speak: async (): Promise<Wire> => ({ node: {}, stranger: {} }) },
  { wire: 'under TLS', speak: underTls },
] as const;

describe('the numbers of a link', () => {
  const nonces = { dialler: 'd-1', listener: 'l-1' };

  test('are the same at both ends, and others in each direction', () => {
    const here = sequencesOf(nonces, 'dialler');
    const there = sequencesOf(nonces, 'listener');
    expect(here).toEqual({ outgoing: there.incoming, incoming: there.outgoing });
    expect(here.outgoing).not.toEqual(here.incoming);
  });

  test.each([
    { why: 'another nonce of the dialler', other: { dialler: 'd-2', listener: 'l-1' } },
    { why: 'another nonce of the listener', other: { dialler: 'd-1', listener: 'l-2' } },
    { why: 'the same nonces the other way round', other: { dialler: 'l-1', listener: 'd-1' } },
    { why: 'a boundary that moved', other: { dialler: 'd-1l', listener: '-1' } },
  ])('begin elsewhere with $why', ({ other }) => {
    expect(sequencesOf(other, 'dialler').outgoing).not.toEqual(sequencesOf(nonces, 'dialler').outgoing);
  });

  test('can be counted on for longer than any link lasts', () => {
    const sequence = { next: 2 ** 48 - 1 };
    expect([take(sequence), take(sequence), take(undefined)]).toEqual([2 ** 48 - 1, 2 ** 48, undefined]);
  });
});

/** What a stranger sends; `made(0)` is the frame that is due, `made(1)` the one after it. */
type Sent = (sequences: Sequences) => readonly Buffer[];
const peerFrame = (number: number | undefined): Buffer =>
  encodeMessages([heartbeat(7, { from: B, to: A })], number);
const clientFrame = (number: number | undefined): Buffer =>
  encodeRequests([{ requestId: 1, kind: 0, body: Buffer.of() }], number);

const inOrder =
  (frame: (number: number) => Buffer): Sent =>
  ({ outgoing }) => [frame(outgoing.next), frame(outgoing.next + 1), frame(outgoing.next + 2)];

const rows = (frame: (number: number | undefined) => Buffer) => [
  {
    why: 'the same frame twice',
    sent: (({ outgoing }) => [frame(outgoing.next), frame(outgoing.next)]) as Sent,
    heard: 1,
    says: 'its number is -1 off',
  },
  {
    why: 'two frames in the wrong order',
    sent: (({ outgoing }) => [frame(outgoing.next + 1), frame(outgoing.next)]) as Sent,
    heard: 0,
    says: 'its number is 1 off',
  },
  {
    why: 'a frame of the other direction',
    sent: (({ incoming }) => [frame(incoming.next)]) as Sent,
    heard: 0,
    says: 'of another link',
  },
  {
    why: 'a frame of an earlier link of the same two',
    sent: (() => [
      frame(sequencesOf({ dialler: 'd', listener: 'earlier' }, 'dialler').outgoing.next),
    ]) as Sent,
    heard: 0,
    says: 'of another link',
  },
];

describe.each(WIRES)('a peer that sends $wire', ({ speak }) => {
  async function listening() {
    const wire = await speak();
    const node = await lab.join(A, wire.node);
    const heard = new TransportRecorder();
    node.transport.start(heard);
    node.transport.setPeers([B]);
    const { url } = node.server;
    const greeted = (changed: Partial<Identity> = {}) =>
      greetAs(url, 'peer', identityOf('b', changed), wire.stranger);
    const numbered = () => greetNumbered(url, 'peer', identityOf('b'), wire.stranger);
    const dialled = () => dialAs(url, '/raft', encodeHello(identityOf('b'), 'peer'), wire.stranger);
    return { ...node, heard, greeted, numbered, dialled };
  }

  test('frames in order is heard', async () => {
    const { heard, numbered } = await listening();
    const { socket, sequences } = await numbered();
    for (const frame of inOrder(peerFrame)(sequences)) socket.send(frame);
    await heard.until(() => heard.frames(B).length === 3);
  });

  test.each(rows(peerFrame))('$why is cut off, and counted', async (row) => {
    const { heard, misconduct, numbered } = await listening();
    const stranger = await numbered();
    for (const frame of row.sent(stranger.sequences)) stranger.socket.send(frame);
    const closed = await stranger.closed;
    expect(closed).toEqual({ code: 4010, reason: expect.stringContaining(row.says) });
    expect(heard.frames(B)).toHaveLength(row.heard);
    expect(misconduct.items).toMatchObject([{ kind: 'replayed-frame', subject: 'member b' }]);
  });

  test('what it must not, again, is kept out for a while', async () => {
    const { dialled, greeted } = await listening();
    for (let time = 0; time < 2; time++) {
      const stranger = await greeted();
      stranger.socket.send(Buffer.of(1, 99));
      expect(await stranger.closed).toMatchObject({ code: 4005 });
    }
    const back = await dialled();
    expect(await back.closed).toEqual({ code: 4003, reason: expect.stringContaining('kept out for 1 s') });
  });

  test('frames without numbers on a link that has them is cut off', async () => {
    const { numbered } = await listening();
    const stranger = await numbered();
    stranger.socket.send(peerFrame(undefined));
    expect(await stranger.closed).toMatchObject({
      code: 4005,
      reason: expect.stringContaining('expected 2'),
    });
  });

  test('is of a release that does not number: it is heard all the same', async () => {
    const { greeted, heard } = await listening();
    const former = await greeted({ protocols: { min: 1, max: 3 } });
    former.socket.send(peerFrame(undefined));
    await heard.until(() => heard.frames(B).length === 1);
  });
});

describe.each(WIRES)('a client that sends $wire', ({ speak }) => {
  test.each(rows(clientFrame))('$why is cut off, and counted', async ({ sent, heard, says }) => {
    const requests = new Recorder<number>();
    const onClient = (): ClientHandlers => ({
      onRequests: (batch) => requests.add(batch.length),
      onClosed: () => undefined,
    });
    const wire = await speak();
    const { server, misconduct } = await lab.join(A, { ...wire.node, onClient });
    const stranger = await greetNumbered(server.url, 'client', identityOf('someone'), wire.stranger);
    for (const frame of sent(stranger.sequences)) stranger.socket.send(frame);
    expect(await stranger.closed).toEqual({ code: 4010, reason: expect.stringContaining(says) });
    expect(requests.items).toHaveLength(heard);
    expect(misconduct.items).toMatchObject([
      { kind: 'replayed-frame', subject: 'address loopback', detail: expect.stringContaining('someone') },
    ]);
  });
});
