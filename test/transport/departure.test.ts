import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import type { Message } from '../../src/protocol/message.ts';
import { decodeMessages } from '../../src/transport/codec-decode.ts';
import { arrange } from '../../src/transport/departure.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { append, heartbeat } from './messages.ts';
import { TransportRecorder } from './recorder.ts';
import { type StrangeServer, serveAs } from './stranger.ts';
import { createWsLab, identityOf, type WsLab } from './ws-lab.ts';

const A = nodeId('a');
const B = nodeId('b');
const ENDS = { from: A, to: B };

/** The piece at `round` of a long snapshot; without `size` it only asks. */
function piece(round: number, size = 0): Message {
  const snapshot = { index: logIndex(9), snapshotTerm: term(1), totalBytes: 2 ** 40 };
  const data = new Uint8Array(size);
  return { type: 'snapshot-chunk', ...ENDS, term: term(1), ...snapshot, offset: round, data, crc: 0 };
}

describe('the messages of one turn', () => {
  const [h, p, q, e] = [heartbeat(1, ENDS), piece(1, 10), piece(2), append([5], ENDS)];
  test.each([
    { why: 'nothing out of the ordinary', messages: [h, e, h], prompt: [h, e, h] },
    { why: 'a piece of a snapshot leaves behind the rest', messages: [h, p, e], prompt: [h, e], bulk: [p] },
    { why: 'a question about a snapshot is short', messages: [q, h], prompt: [q, h] },
    { why: 'pieces alone', messages: [p, p], prompt: [], bulk: [p, p] },
    { why: 'a peer that knows no snapshots', protocol: 1, messages: [p, h, q], prompt: [h], foreign: [p, q] },
  ])('leave in order: $why', ({ messages, protocol = 2, prompt, bulk = [], foreign = [] }) => {
    expect(arrange(messages, protocol)).toEqual({ prompt, bulk, foreign });
  });

  test('are not copied when there is nothing to arrange', () => {
    const messages = [h, e];
    expect(arrange(messages, 2).prompt).toBe(messages);
  });
});

describe('a snapshot on its way to a peer that reads slowly', () => {
  const ROUNDS = 200;
  let lab: WsLab;
  let server: StrangeServer;
  beforeEach(async () => {
    lab = createWsLab();
    server = await serveAs(({ socket }) => {
      socket.once('message', () => {
        socket.send(encodeHello(identityOf('b'), 'peer'));
        socket.pause();
      });
    });
    lab.announce(B, server.url);
  });
  afterEach(async () => {
    await lab.dispose();
    await server.close();
  });

  const startA = async (maxBufferedBytes: number) => {
    const a = await lab.join(A, { maxBufferedBytes });
    const heard = new TransportRecorder();
    a.transport.start(heard);
    a.transport.setPeers([B]);
    await heard.untilCount('opened', B, 1);
    return { ...a, heard };
  };
  /** All that B got after its hello: each frame as what it held. */
  const framesOfB = (): readonly (readonly Message[])[] =>
    (server.links.items[0]?.frames.items ?? []).slice(1).map((bytes) => {
      const decoded = decodeMessages(bytes, ENDS);
      if (!decoded.ok) throw decoded.error;
      return decoded.value;
    });
  const isBeat = (message: Message): boolean => message.type === 'heartbeat';

  test('has one piece ahead of a heartbeat at most, and the link stays', async () => {
    const a = await startA(2 * MAX_SNAPSHOT_CHUNK_BYTES);
    for (let round = 0; round < ROUNDS; round++) {
      a.transport.send(B, [piece(round, MAX_SNAPSHOT_CHUNK_BYTES), heartbeat(round, ENDS)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(a.trouble.items).toEqual([]);
    expect(a.heard.items).toEqual([{ kind: 'opened', peer: B }]);

    server.links.items[0]?.socket.resume();
    await server.links.items[0]?.frames.until(() => framesOfB().flat().filter(isBeat).length === ROUNDS);
    const frames = framesOfB();
    // Each alone: a heartbeat in one frame with a piece would be heard when the whole of it has come.
    expect(frames.every((frame) => frame.length === 1)).toBe(true);
    const beats = frames.flat().filter(isBeat);
    expect(beats).toEqual(Array.from({ length: ROUNDS }, (_, round) => heartbeat(round, ENDS)));
    // The kernel took some; from then on one piece waited here, and heartbeats alone behind it.
    const rounds = frames.flat().flatMap((message) => ('offset' in message ? [message.offset] : []));
    expect(rounds).toEqual(rounds.map((_, i) => i));
    expect(rounds.length).toBeLessThan(ROUNDS);

    // And it goes on where there is room again.
    const pieces = (): number =>
      framesOfB()
        .flat()
        .filter((message) => !isBeat(message)).length;
    while (pieces() === rounds.length) {
      a.transport.send(B, [piece(rounds.length, 10)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
