import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NodeId, nodeId } from '../../src/protocol/ids.ts';
import type { Transport } from '../../src/transport/port.ts';
import { append, heartbeat } from './messages.ts';
import { TransportRecorder } from './recorder.ts';

/** Where a kind of transport is tried: nodes come and go under their ids. */
export interface TransportLab {
  /** A new life of `id`, reachable for the others of the lab (elsewhere than before). */
  join(id: NodeId): Promise<LabNode>;
  dispose(): Promise<void>;
}

export interface LabNode {
  readonly transport: Transport;
  stop(): Promise<void>;
}

interface Live extends LabNode {
  readonly id: NodeId;
  readonly heard: TransportRecorder;
}

const A = nodeId('a');
const B = nodeId('b');
const C = nodeId('c');

/** What every transport promises (`src/transport/port.ts`). */
export function transportContract(name: string, createLab: () => TransportLab): void {
  describe(`transport contract: ${name}`, () => {
    let lab: TransportLab;
    beforeEach(() => {
      lab = createLab();
    });
    afterEach(() => lab.dispose());

    const start = async (id: NodeId, peers: readonly NodeId[]): Promise<Live> => {
      const node = await lab.join(id);
      const heard = new TransportRecorder();
      node.transport.start(heard);
      node.transport.setPeers(peers);
      return { ...node, id, heard };
    };
    const linked = async (left: Live, right: Live): Promise<void> => {
      await left.heard.untilCount('opened', right.id, 1);
      await right.heard.untilCount('opened', left.id, 1);
    };
    const startPair = async (): Promise<{ a: Live; b: Live }> => {
      const a = await start(A, [A, B]);
      const b = await start(B, [A, B]);
      await linked(a, b);
      return { a, b };
    };

    test('frames arrive in the order in which they were sent, one for each send', async () => {
      const { a, b } = await startPair();
      const sent = Array.from({ length: 200 }, (_, i) => [heartbeat(i, { from: A, to: B })]);
      for (const frame of sent) a.transport.send(B, frame);
      await b.heard.untilFrames(A, sent.length);
      expect(b.heard.frames(A)).toEqual(sent);
    });

    test('a frame holds all messages of one send, entries included', async () => {
      const { a, b } = await startPair();
      const ends = { from: A, to: B };
      const frame = [append([0, 1, 70_000], ends), heartbeat(1, ends), append([256], ends)];
      a.transport.send(B, frame);
      await b.heard.untilFrames(A, 1);
      expect(b.heard.frames(A)).toEqual([frame]);
    });

    test('both ends may send, each over the same pair', async () => {
      const { a, b } = await startPair();
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      b.transport.send(A, [heartbeat(2, { from: B, to: A })]);
      await Promise.all([a.heard.untilFrames(B, 1), b.heard.untilFrames(A, 1)]);
      expect(a.heard.frames(B)).toEqual([[heartbeat(2, { from: B, to: A })]]);
    });

    test('what is sent while the link is down is dropped, not kept', async () => {
      const a = await start(A, [B]);
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      const b = await start(B, [A]);
      await linked(a, b);
      a.transport.send(B, [heartbeat(2, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(b.heard.frames(A)).toEqual([[heartbeat(2, { from: A, to: B })]]);
    });

    test('sending to a stranger or to oneself does nothing', async () => {
      const { a, b } = await startPair();
      a.transport.send(C, [heartbeat(1)]);
      a.transport.send(A, [heartbeat(1)]);
      a.transport.send(B, [heartbeat(2, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(a.heard.items).toEqual([{ kind: 'opened', peer: B }]);
    });

    test('a peer that stops is noticed once, and only its own link closes', async () => {
      const peers = [A, B, C];
      const nodes = [await start(A, peers), await start(B, peers), await start(C, peers)] as const;
      const [a, b, c] = nodes;
      await Promise.all([linked(a, b), linked(a, c), linked(b, c)]);
      await c.stop();
      await Promise.all([a.heard.untilCount('closed', C, 1), b.heard.untilCount('closed', C, 1)]);
      // The link between the two that are left still works, and nothing else was said about C.
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(a.heard.items.filter((item) => item.kind === 'closed')).toEqual([{ kind: 'closed', peer: C }]);
      expect(b.heard.count('closed', A)).toBe(0);
    });

    test('a peer that comes back elsewhere is found again, both ways', async () => {
      const { a, b } = await startPair();
      await b.stop();
      await a.heard.untilCount('closed', B, 1);
      const again = await start(B, [A]);
      await a.heard.untilCount('opened', B, 2);
      await again.heard.untilCount('opened', A, 1);
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      again.transport.send(A, [heartbeat(2, { from: B, to: A })]);
      await Promise.all([again.heard.untilFrames(A, 1), a.heard.untilFrames(B, 1)]);
      expect(b.heard.frames(A)).toEqual([]);
      expect(a.heard.count('closed', B)).toBe(1);
    });

    test('a peer taken out hears nothing more, and one put back does', async () => {
      const { a, b } = await startPair();
      a.transport.setPeers([]);
      await Promise.all([a.heard.untilCount('closed', B, 1), b.heard.untilCount('closed', A, 1)]);
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      a.transport.setPeers([B]);
      await Promise.all([a.heard.untilCount('opened', B, 2), b.heard.untilCount('opened', A, 2)]);
      a.transport.send(B, [heartbeat(2, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(b.heard.frames(A)).toEqual([[heartbeat(2, { from: A, to: B })]]);
    });

    test('members come and go beside a link that is not touched', async () => {
      const { a, b } = await startPair();
      const c = await start(C, [A, B]);
      for (const node of [a, b]) node.transport.setPeers([A, B, C]);
      await Promise.all([linked(a, c), linked(b, c)]);
      for (const node of [a, b]) node.transport.setPeers([A, B]);
      await Promise.all([c.heard.untilCount('closed', A, 1), c.heard.untilCount('closed', B, 1)]);
      await Promise.all([a.heard.untilCount('closed', C, 1), b.heard.untilCount('closed', C, 1)]);
      a.transport.send(C, [heartbeat(1, { from: A, to: C })]);
      for (const node of [a, b]) node.transport.setPeers([A, B, C]);
      await Promise.all([a.heard.untilCount('opened', C, 2), b.heard.untilCount('opened', C, 2)]);
      await Promise.all([c.heard.untilCount('opened', A, 2), c.heard.untilCount('opened', B, 2)]);
      a.transport.send(C, [heartbeat(2, { from: A, to: C })]);
      c.transport.send(B, [heartbeat(3, { from: C, to: B })]);
      await Promise.all([c.heard.untilFrames(A, 1), b.heard.untilFrames(C, 1)]);
      expect(c.heard.frames(A)).toEqual([[heartbeat(2, { from: A, to: C })]]);
      expect([a.heard.count('closed', B), b.heard.count('closed', A)]).toEqual([0, 0]);
    });

    test.each([
      { why: 'in the same order', back: ['a', 'b'] },
      { why: 'in the other order', back: ['b', 'a'] },
    ] as const)('two that gave each other up link when each takes the other back, $why', async ({ back }) => {
      const pair = await startPair();
      pair.a.transport.setPeers([]);
      pair.b.transport.setPeers([]);
      await pair.a.heard.untilCount('closed', B, 1);
      await pair.b.heard.untilCount('closed', A, 1);
      for (const end of back) {
        pair[end].transport.setPeers([A, B]);
        // The first one tries for a while, and in vain.
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      await pair.a.heard.untilCount('opened', B, 2);
      await pair.b.heard.untilCount('opened', A, 2);
      pair.a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      await pair.b.heard.untilFrames(A, 1);
    });

    test('a peer taken out and put back many times at once is linked in the end, and told in turns', async () => {
      const { a, b } = await startPair();
      for (let round = 0; round < 20; round++) {
        a.transport.setPeers([]);
        a.transport.setPeers([B]);
      }
      while (b.heard.frames(A).length === 0) {
        a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const { heard, peer } of [
        { heard: a.heard, peer: B },
        { heard: b.heard, peer: A },
      ]) {
        const told = heard.items.flatMap((item) => ('peer' in item && item.peer === peer ? [item.kind] : []));
        expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'opened' : 'closed')));
      }
    });

    test('whoever is taken out while it was never there is given up', async () => {
      const a = await start(A, [B, C]);
      a.transport.setPeers([C]);
      const b = await start(B, [A]);
      const c = await start(C, [A]);
      await linked(a, c);
      a.transport.send(C, [heartbeat(1, { from: A, to: C })]);
      await c.heard.untilFrames(A, 1);
      expect([a.heard.count('opened', B), b.heard.count('opened', A)]).toEqual([0, 0]);
    });

    test('a stranger is let in if the layer above makes it a peer, and not otherwise', async () => {
      const a = await start(A, []);
      const asked: NodeId[] = [];
      a.heard.onStranger = (peer) => {
        asked.push(peer);
        if (peer !== B) return false;
        a.transport.setPeers([B]);
        return true;
      };
      const c = await start(C, [A]);
      const b = await start(B, [A]);
      await linked(a, b);
      b.transport.send(A, [heartbeat(1, { from: B, to: A })]);
      await a.heard.untilFrames(B, 1);
      a.transport.send(B, [heartbeat(2, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(asked).toContain(B);
      expect(c.heard.items).toEqual([]);
      expect(a.heard.count('opened', C)).toBe(0);
    });

    test('naming the same peers again changes nothing', async () => {
      const { a, b } = await startPair();
      a.transport.setPeers([B]);
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      await b.heard.untilFrames(A, 1);
      expect(a.heard.items).toEqual([{ kind: 'opened', peer: B }]);
    });

    test('a closed transport says nothing more, and may be closed again', async () => {
      const { a, b } = await startPair();
      await a.transport.close();
      await b.heard.untilCount('closed', A, 1);
      await a.transport.close();
      a.transport.send(B, [heartbeat(1, { from: A, to: B })]);
      expect(a.heard.items).toEqual([{ kind: 'opened', peer: B }]);
      expect(b.heard.frames(A)).toEqual([]);
    });
  });
}
