import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { createMemoryHub } from '../../src/transport/memory.ts';
import { transportContract } from './contract.ts';
import { heartbeat } from './messages.ts';
import { TransportRecorder } from './recorder.ts';

transportContract('memory', () => {
  const hub = createMemoryHub((callback) => void setImmediate(callback));
  return {
    async join(id) {
      const transport = hub.join(id);
      return { transport, stop: () => transport.close() };
    },
    dispose: async () => undefined,
  };
});

describe('the memory hub', () => {
  const A = nodeId('a');
  const B = nodeId('b');

  /** The test owns the wire: nothing arrives before `run`. */
  function startPair() {
    const queue: (() => void)[] = [];
    const hub = createMemoryHub((callback) => queue.push(callback));
    const run = (): void => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) next();
    };
    const [a, b] = [hub.join(A), hub.join(B)];
    const [heardA, heardB] = [new TransportRecorder(), new TransportRecorder()];
    a.start(heardA);
    b.start(heardB);
    a.setPeers([B]);
    b.setPeers([A]);
    return { hub, run, a, b, heardA, heardB };
  }

  test('loses what is under way when a link is cut, also if it is mended at once', () => {
    const { hub, run, a, heardB } = startPair();
    run();
    a.send(B, [heartbeat(1)]);
    hub.cut(B, A);
    hub.mend(A, B);
    a.send(B, [heartbeat(2)]);
    run();
    expect(heardB.frames(A)).toEqual([[heartbeat(2)]]);
    expect(heardB.count('closed', A)).toBe(1);
    expect(heardB.count('opened', A)).toBe(2);
  });

  test('keeps a cut link closed until it is mended', () => {
    const { hub, run, a, heardA, heardB } = startPair();
    hub.cut(A, B);
    run();
    a.setPeers([]);
    a.setPeers([B]);
    a.send(B, [heartbeat(1)]);
    run();
    expect(heardA.count('opened', B)).toBe(1);
    expect(heardB.frames(A)).toEqual([]);
    hub.mend(A, B);
    run();
    expect(heardA.count('opened', B)).toBe(2);
  });

  test('has one life of a node at a time', () => {
    const { hub } = startPair();
    expect(() => hub.join(A)).toThrow('close its transport first');
  });
});
