import { describe, expect, test } from 'vitest';
import { type NodeId, nodeId, term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Transport } from '../../src/transport/port.ts';
import { PROTOCOLS } from '../../src/transport/protocol.ts';
import { Chance } from './chance.ts';
import { CALM, SimulatedNetwork } from './network.ts';
import { VirtualTime } from './virtual-time.ts';

const A = nodeId('a');
const B = nodeId('b');
/** Longer than any message or closing connection of a calm network is under way. */
const SETTLED_AFTER_MS = 1000;

const notice = (from: NodeId, to: NodeId, number: number): Message => ({
  type: 'read-request',
  from,
  to,
  term: term(1),
  context: number,
});

/** Two processes, their links open; what each hears is noted as `who:what`. */
function stage() {
  const time = new VirtualTime();
  const heard: string[] = [];
  const network = new SimulatedNetwork({
    time,
    chance: new Chance(1),
    encoding: 'wire',
    protocolOf: () => PROTOCOLS.max,
    onSend: () => undefined,
    onDeliver: () => undefined,
    forge: undefined,
  });
  const join = (id: NodeId, peer: NodeId): Transport => {
    const transport = network.join(id);
    transport.start({
      onMessages: (_from, messages) => {
        for (const message of messages)
          heard.push(`${id}:${message.type === 'read-request' ? message.context : '?'}`);
      },
      onLinkOpened: () => heard.push(`${id}:open`),
      onLinkClosed: () => heard.push(`${id}:closed`),
    });
    transport.setPeers([peer]);
    return transport;
  };
  /** Lets everything happen that is under way; returns what was heard since the last time. */
  const settle = (): readonly string[] => {
    // Whoever is wanted is knocked at for ever: there is no end of events, only of what they change.
    let isOver = false;
    const run = (): void => {
      isOver = true;
    };
    time.schedule({ at: time.now + SETTLED_AFTER_MS, owner: undefined, run });
    while (!isOver) time.step();
    return heard.splice(0).sort();
  };
  const a = join(A, B);
  const b = join(B, A);
  settle();
  return { time, network, join, settle, a, b };
}

describe('the simulated network', () => {
  test('opens a link when both ends want it', () => {
    const time = new VirtualTime();
    expect(time.step()).toBeUndefined();
    const { network, settle, join, b } = stage();
    network.crash(A);
    expect(settle()).toEqual(['b:closed']);
    join(A, B);
    expect(settle()).toEqual(['a:open', 'b:open']);
    b.send(A, [notice(B, A, 1), notice(B, A, 2)]);
    expect(settle()).toEqual(['a:1', 'a:2']);
  });

  test('delivers nothing of a former connection to a new process', () => {
    const { network, settle, join, b } = stage();
    b.send(A, [notice(B, A, 1)]);
    network.crash(A);
    join(A, B);
    expect(settle()).toEqual(['a:open', 'b:closed', 'b:open']);
  });

  test('delivers nothing that a dead process had yet to send', () => {
    const { network, settle, a } = stage();
    network.crash(A);
    a.send(B, [notice(A, B, 1)]);
    expect(settle()).toEqual(['b:closed']);
  });

  test('blocks one way only, and without a word', () => {
    const { network, settle, a, b } = stage();
    network.block(A, B);
    a.send(B, [notice(A, B, 1)]);
    b.send(A, [notice(B, A, 2)]);
    expect(settle()).toEqual(['a:2']);
    network.unblock(A, B);
    a.send(B, [notice(A, B, 3)]);
    expect(settle()).toEqual(['b:3']);
  });

  test('holds what is clogged, and lets it all through', () => {
    const { network, settle, a } = stage();
    network.clog(A, B);
    a.send(B, [notice(A, B, 1)]);
    a.send(B, [notice(A, B, 2)]);
    expect(settle()).toEqual([]);
    network.unclog(A, B);
    expect(settle()).toEqual(['b:1', 'b:2']);
  });

  test('resets a link, and opens it again', () => {
    const { network, settle } = stage();
    network.closeLink(A, B);
    expect(settle()).toEqual(['a:closed', 'a:open', 'b:closed', 'b:open']);
  });

  test('does not open a link to a paused process before it goes on', () => {
    const { network, settle, time } = stage();
    time.pause(B);
    network.closeLink(A, B);
    expect(settle()).toEqual(['a:closed']);
    time.resume(B);
    network.onResumed(B);
    expect(settle()).toEqual(['a:open', 'b:closed', 'b:open']);
  });

  test('opens links again after two processes died at once, one of them paused', () => {
    const { network, settle, join, time } = stage();
    time.pause(B);
    network.crash(A);
    network.crash(B);
    time.endPause(B);
    join(A, B);
    join(B, A);
    expect(settle()).toEqual(['a:open', 'b:open']);
  });

  test('drops, repeats and disorders as the weather says', () => {
    const { network, settle, a, time } = stage();
    network.weather = { ...CALM, latency: { min: 1, max: 50 }, drop: 0.3, duplicate: 0.3, reorder: 1 };
    for (let number = 100; number < 300; number++) a.send(B, [notice(A, B, number)]);
    const heard: string[] = [...settle()];
    expect(time.now).toBeGreaterThan(20);
    expect(new Set(heard).size).toBeLessThan(180);
    expect(heard.length).toBeGreaterThan(new Set(heard).size);
  });

  test('never repeats commands: a link delivers them at most once', () => {
    const { network, settle, a } = stage();
    network.weather = { ...CALM, duplicate: 1 };
    a.send(B, [{ type: 'proposal-forward', from: A, to: B, term: term(1), batch: 1, commands: [] }]);
    expect(settle()).toEqual(['b:?']);
  });
});
