import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { PROTOCOLS, type ProtocolRange, rangeText } from '../../src/transport/protocol.ts';
import { heartbeat } from './messages.ts';
import { TransportRecorder } from './recorder.ts';
import { dialAs, greetAs, serveAs } from './stranger.ts';
import { createWsLab, identityOf, type JoinOptions, type WsLab } from './ws-lab.ts';

const A = nodeId('a');
const B = nodeId('b');
const ENDS = { from: A, to: B };
const BACK = { from: B, to: A };

const FORMER: ProtocolRange = { min: 1, max: 1 };
const NEXT: ProtocolRange = { min: PROTOCOLS.max, max: PROTOCOLS.max + 1 };
const FAR: ProtocolRange = { min: PROTOCOLS.max + 1, max: PROTOCOLS.max + 2 };

/** A message of protocol 2. */
function answer(ends: typeof ENDS): Message {
  const held = { index: logIndex(5), status: 'receiving', heldBytes: 0 } as const;
  return { ...ends, type: 'snapshot-answer', term: term(1), ...held };
}

const isLast = (message: Message): boolean => message.type === 'heartbeat' && message.round === 2;

let lab: WsLab;
beforeEach(() => {
  lab = createWsLab();
});
afterEach(() => lab.dispose());

async function start(
  id: string,
  peer: string,
  identity: JoinOptions['identity'] = {},
  leastLevel = (): number => 1,
) {
  const node = await lab.join(nodeId(id), { identity, leastLevel });
  const heard = new TransportRecorder();
  node.transport.start(heard);
  node.transport.setPeers([nodeId(peer)]);
  return { ...node, heard };
}

describe('a link between two releases', () => {
  test.each([
    { why: 'the same release', protocols: PROTOCOLS, isTold: true },
    { why: 'the next release', protocols: NEXT, isTold: true },
    { why: 'the former release', protocols: FORMER, isTold: false },
  ])('opens, and carries what $why can read', async ({ protocols, isTold }) => {
    const a = await start('a', 'b');
    const b = await start('b', 'a', { protocols });
    await Promise.all([a.heard.untilCount('opened', B, 1), b.heard.untilCount('opened', A, 1)]);
    for (const { from, to, ends } of [
      { from: a, to: b, ends: ENDS },
      { from: b, to: a, ends: BACK },
    ]) {
      from.transport.send(ends.to, [answer(ends), heartbeat(1, ends)]);
      from.transport.send(ends.to, [answer(ends)]);
      from.transport.send(ends.to, [heartbeat(2, ends)]);
      await to.heard.until(() => to.heard.frames(ends.from).flat().some(isLast));
      const types = to.heard.frames(ends.from).map((frame) => frame.map(({ type }) => type));
      const whole = [['snapshot-answer', 'heartbeat'], ['snapshot-answer'], ['heartbeat']];
      expect(types).toEqual(isTold ? whole : [['heartbeat'], ['heartbeat']]);
      expect(from.trouble.items.map(({ code }) => code)).toEqual(isTold ? [] : ['WRONG_PROTOCOL']);
    }
  });

  test('says which node is to be upgraded when it cannot read something', async () => {
    const a = await start('a', 'b');
    await start('b', 'a', { protocols: FORMER, version: '0.0.7' });
    await a.heard.untilCount('opened', B, 1);
    a.transport.send(B, [answer(ENDS)]);
    expect(a.trouble.items[0]?.message).toBe(
      'link to b: release 0.0.7 there does not know snapshot-answer yet; upgrade that node',
    );
  });

  test('does not open where nothing is spoken by both: both operators read why', async () => {
    const a = await start('a', 'b');
    const b = await start('b', 'a', { protocols: FAR });
    const isAboutBoth = ({ code, message }: Error & { code: string }): boolean =>
      code === 'WRONG_PROTOCOL' && message.includes(rangeText(PROTOCOLS)) && message.includes(rangeText(FAR));
    await Promise.all([a.trouble.untilHas(isAboutBoth), b.trouble.untilHas(isAboutBoth)]);
    expect([...a.heard.items, ...b.heard.items]).toEqual([]);
  });
});

describe('the first release', () => {
  /** Its hello, word for word: one number, no level. */
  const firstHello = (id: string): string => {
    const { protocol, protocolMax, level, ...rest } = JSON.parse(encodeHello(identityOf(id), 'peer'));
    return JSON.stringify({ protocol: 1, ...rest });
  };

  test('is let in, and is of level 1', async () => {
    const a = await start('a', 'b');
    const b = await dialAs(a.server.url, '/raft', firstHello('b'));
    await b.frames.until((frames) => frames.length === 1);
    expect(a.server.levelOf(B)).toBe(1);
  });

  test('lets us in, and hears nothing that it could not read', async () => {
    const server = await serveAs(({ socket }) => {
      socket.once('message', () => socket.send(firstHello('b')));
    });
    lab.announce(B, server.url);
    const a = await start('a', 'b');
    await a.heard.untilCount('opened', B, 1);
    a.transport.send(B, [answer(ENDS)]);
    a.transport.send(B, [heartbeat(1, ENDS)]);
    const [link] = server.links.items;
    await link?.frames.until((frames) => frames.length >= 2);
    const [hello, frame] = link?.frames.items ?? [];
    // All that it asks of a hello: its own number under this name.
    expect(JSON.parse(Buffer.from(hello ?? []).toString())).toMatchObject({ protocol: 1, nodeId: 'a' });
    expect(frame?.[1]).toBe(8);
    await server.close();
  });
});

describe('the level of a peer', () => {
  test('must be that of the log: whoever could not follow is refused, and both operators read why', async () => {
    let level = 1;
    const a = await start('a', 'b', { level: 7 }, () => level);
    const let1 = await greetAs(a.server.url, 'peer', identityOf('b', { level: 6 }));
    expect(a.server.levelOf(B)).toBe(6);
    let1.socket.terminate();
    level = 7;
    const b = await start('b', 'a', { level: 6, version: '0.0.7' });
    const told = 'the log is at level 7, and release 0.0.7 of b knows up to 6: upgrade that node';
    await Promise.all([a, b].map(({ trouble }) => trouble.untilHas(({ message }) => message.includes(told))));
    expect(b.heard.items).toEqual([]);
  });

  test('is what its hello says, for as long as it has a link to us', async () => {
    const a = await start('a', 'b');
    expect(a.server.levelOf(B)).toBeUndefined();
    const old = await greetAs(a.server.url, 'peer', identityOf('b', { level: 7 }));
    expect(a.server.levelOf(B)).toBe(7);
    await greetAs(a.server.url, 'peer', identityOf('b', { level: 8 }));
    await old.closed;
    expect(a.server.levelOf(B)).toBe(8);
  });

  test('is not known any more when its link has closed, or when it is no peer', async () => {
    const a = await start('a', 'b');
    const first = await greetAs(a.server.url, 'peer', identityOf('b', { level: 7 }));
    first.socket.terminate();
    while (a.server.levelOf(B) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    await greetAs(a.server.url, 'peer', identityOf('b', { level: 7 }));
    expect(a.server.levelOf(B)).toBe(7);
    a.transport.setPeers([]);
    expect(a.server.levelOf(B)).toBeUndefined();
  });
});
