import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Outcome } from '../../../src/protocol/errors.ts';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { Links } from '../../../src/siblings/crdt-synchronizer/links.ts';
import { encodePeer, parsePulled } from '../../../src/siblings/crdt-synchronizer/peer-wire.ts';
import type { CompanionHost } from '../../../src/swarm/companion.ts';
import { idle, stand, until } from '../../swarm/instances.ts';

const PEER = 'raft-manager-1' as NodeId;
const QUESTION = encodePeer({ kind: 'pull', from: PEER, root: '', presence: [] });

/** In front of an instance: connections get through while `isWhole`; others are held, and nobody is told. */
async function layCable(target: string) {
  const held: Socket[] = [];
  const passed: Socket[] = [];
  const cable = { isWhole: true, held, passed, url: '' };
  const server = createServer((near) => {
    near.on('error', () => undefined);
    if (!cable.isWhole) return void held.push(near.pause());
    passed.push(near);
    const { host, hostname, port } = new URL(target);
    const far = connect(Number(port), hostname);
    far.on('error', () => near.destroy());
    near.once('data', (head) => {
      // The instance answers under its own name only.
      far.write(head.toString('latin1').replace(/^Host: .*$/m, `Host: ${host}`), 'latin1');
      near.pipe(far).pipe(near);
    });
    near.on('close', () => far.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const end of [...held, ...passed]) end.destroy();
    server.close();
  });
  cable.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return cable;
}

async function open() {
  const swarm = await stand({ instances: 1, executor: idle });
  const cable = await layCable(swarm.instances.get(PEER)?.url ?? '');
  // Of its host it wants to know only where the others are.
  const host = { folder: swarm.folder, id: 'somebody', version: 'test', urlOf: () => cable.url };
  const links = new Links(host as unknown as CompanionHost);
  onTestFinished(() => links.close());
  const ask = (): Promise<Outcome<Uint8Array>> =>
    new Promise((done) => links.ask(PEER, QUESTION, { timeoutMs: 10_000, done }));
  return { swarm, cable, ask };
}

test('requests go over one link', async () => {
  const { ask, cable } = await open();
  for (const outcome of await Promise.all([ask(), ask(), ask()])) {
    expect(outcome.ok && parsePulled(outcome.value).ok).toBe(true);
  }
  expect((await ask()).ok).toBe(true);
  expect(cable.passed.length).toBe(1);
});

test('a link that is held on its way is not waited for: another is dialled beside it, and answers for both', async () => {
  const { ask, cable } = await open();
  cable.isWhole = false;
  const first = ask();
  await until(async () => cable.held.length === 1);
  cable.isWhole = true;
  // As long as another is not due nothing but the first is there.
  const asked = [first];
  let again = performance.now();
  await until(async () => {
    if (performance.now() >= again) {
      asked.push(ask());
      again += 100;
    }
    return cable.passed.length === 1;
  });
  for (const outcome of await Promise.all(asked)) expect(outcome.ok).toBe(true);
  expect(cable.held.length).toBe(1);
});

test('nobody there is said at once, and the next request dials anew', async () => {
  const { ask, cable, swarm } = await open();
  const { url } = cable;
  cable.url = 'ws://127.0.0.1:1';
  expect(await ask()).toMatchObject({ ok: false, error: { code: 'NOT_RUNNING' } });
  cable.url = url;
  expect((await ask()).ok).toBe(true);
  // A link that breaks is told to whoever waits, and is used no more.
  for (const end of cable.passed) end.destroy();
  await until(async () => cable.passed.every(({ destroyed }) => destroyed));
  await until(async () => (await ask()).ok);
  expect(cable.passed.length).toBe(2);
  expect(swarm.instances.size).toBe(1);
});
