import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { MAX_LOOPBACK_VISIT_BURST } from '../../src/protocol/limits.ts';
import { createConnectionGate } from '../../src/transport/connection-gate.ts';
import { authority, certify } from '../siblings/security-manager/pki.ts';
import { createWsLab, type WsLab, type WsNode } from './ws-lab.ts';

const AT_ONCE = 250;
const TOO_MANY = 'too many requests from this address';

let lab: WsLab;
let node: WsNode;
beforeEach(async () => {
  // The allowance of an address comes again with time: here that goes on when the test says so.
  vi.useFakeTimers({ toFake: ['performance'] });
  lab = createWsLab();
  const ca = await authority();
  const shown = await certify(ca, { name: 'a' });
  const tls = { ...shown, ca: ca.certificate };
  node = await lab.join(nodeId('a'), { security: { tls, judge: () => ({ ok: true, value: 'member' }) } });
});
afterEach(async () => {
  vi.useRealTimers();
  await lab.dispose();
});

/** Tries to speak TLS. `heard`: bytes that came back for it. */
async function shakeHands(): Promise<{ readonly how: 'spoken' | 'ended'; readonly heard: number }> {
  const wire = connect(node.server.port, '127.0.0.1');
  const tls = connectTls({ socket: wire, rejectUnauthorized: false });
  const how = await new Promise<'spoken' | 'ended'>((resolve) => {
    tls.once('secureConnect', () => resolve('spoken'));
    // Whoever is turned away may learn it by a reset.
    for (const event of ['error', 'close']) tls.on(event, () => resolve('ended'));
  });
  const heard = wire.bytesRead;
  wire.destroy();
  return { how, heard };
}

/** By connections on which not a byte is said. */
async function useUpAllowance(): Promise<void> {
  const isUsedUp = (): boolean => node.misconduct.items.some(({ detail }) => detail === TOO_MANY);
  for (let opened = 0; !isUsedUp(); opened += AT_ONCE) {
    expect(opened).toBeLessThan(2 * MAX_LOOPBACK_VISIT_BURST);
    const crowd = Array.from({ length: AT_ONCE }, () => connect(node.server.port, '127.0.0.1'));
    // Those that are turned away are ended as soon as they are there.
    await Promise.all(
      crowd.map((socket) => once(socket, 'connect').then(() => once(socket.end().resume(), 'close'))),
    );
  }
}

test('an address that has used up its allowance is not even answered with TLS, and counted', async () => {
  expect(await shakeHands()).toEqual({ how: 'spoken', heard: expect.any(Number) });
  await useUpAllowance();
  const before = node.misconduct.items.length;
  expect(await shakeHands()).toEqual({ how: 'ended', heard: 0 });
  expect(node.misconduct.items).toHaveLength(before + 1);
  // Each of them is counted as what it is; no handshake has begun with them, so none has failed.
  const flood = { kind: 'flood', subject: 'address loopback', detail: TOO_MANY };
  expect(node.misconduct.items).toEqual(node.misconduct.items.map(() => flood));
  vi.advanceTimersByTime(1_000);
  expect(await shakeHands()).toMatchObject({ how: 'spoken' });
});

test.each([
  {
    why: 'under TLS a connection is paid for, and its first request comes with it',
    isSecured: true,
    spent: [1, 1, 2],
  },
  { why: 'in the clear requests are paid for', isSecured: false, spent: [0, 1, 2] },
])('$why', ({ isSecured, spent }) => {
  let visits = 0;
  const limits = { visit: () => void visits++ };
  const gate = createConnectionGate({ limits, doorstep: { admit: () => true }, isSecured });
  const socket = new Socket();
  const counts = [() => gate.admit(socket), () => gate.visit(socket), () => gate.visit(socket)].map((act) => {
    act();
    return visits;
  });
  expect(counts).toEqual(spent);
});
