import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { eventually, openProject, type Project } from '../process/harness.ts';

const HANDSHAKES = 10_000;
const SLOW_SOCKETS = 1_000;
/** Attempts that one attacker has under way at a time. */
const AT_ONCE = 50;

interface Status {
  readonly coordinator: string | null;
  readonly term: number;
  readonly nodes: readonly { readonly id: string; readonly url: string }[];
}

async function statusOf(project: Project): Promise<Status> {
  return JSON.parse((await project.run(['status', '--json'])).stdout);
}

/** What strangers say, each refused for another reason. */
const HELLOS = [
  '{"protocol":1,"kind":"peer"}',
  'no hello at all',
  JSON.stringify({ protocol: 99 }),
  JSON.stringify({
    protocol: 1,
    kind: 'client',
    clusterId: 'c',
    nodeId: 'n',
    token: 'guess',
    version: '',
    nonce: 'x',
  }),
  'x'.repeat(64 * 1024),
];

/** One bad handshake, from the connection to its end. */
function shake(url: string, at: number): Promise<void> {
  return new Promise((resolve) => {
    const origin = at % 7 === 0 ? { headers: { origin: 'http://example.com' } } : {};
    const socket = new WebSocket(`${url}${at % 2 === 0 ? '/raft' : '/client'}`, origin);
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send(HELLOS[at % HELLOS.length] ?? ''));
    socket.on('close', () => resolve());
  });
}

/** A socket that says something every now and then, and never comes to an end. */
function crawl(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname, () => socket.write('GET /raft HTTP/1.1\r\nHost: '));
  const drip = setInterval(() => socket.write('x'), 1_000);
  socket.on('error', () => undefined);
  socket.on('close', () => clearInterval(drip));
  return socket;
}

test(`${HANDSHAKES} bad handshakes and ${SLOW_SOCKETS} slow sockets move no coordinator, and clients are served`, async () => {
  const project = openProject();
  await project.run(['up']);
  const before = await statusOf(project);
  const urls = before.nodes.map(({ url }) => url);
  const urlOf = (at: number): string => urls[at % urls.length] ?? '';

  const slow = Array.from({ length: SLOW_SOCKETS }, (_, at) => crawl(urlOf(at)));
  let next = 0;
  let served = 0;
  let isOver = false;
  const attack = async (): Promise<void> => {
    while (next < HANDSHAKES) {
      const at = next;
      next += 1;
      await shake(urlOf(at), at);
      // The slow ones come again as often as they are cut.
      const cut = slow.findIndex(({ destroyed }) => destroyed);
      if (cut >= 0) slow[cut] = crawl(urlOf(cut));
    }
  };
  const work = async (): Promise<void> => {
    while (!isOver) {
      const added = await project.run(['task', 'add', `during-${served}`, '--run', 'true']);
      expect(added).toMatchObject({ exitCode: 0, stderr: '' });
      served += 1;
    }
  };
  const attacks = Promise.all(Array.from({ length: AT_ONCE }, attack)).then(() => {
    isOver = true;
  });
  await Promise.all([attacks, work()]);
  for (const socket of slow) socket.destroy();

  const after = await statusOf(project);
  expect({ coordinator: after.coordinator, term: after.term }).toEqual({
    coordinator: before.coordinator,
    term: before.term,
  });
  expect(served).toBeGreaterThan(0);
  const audit = await eventually('the account of it', async () => {
    const { stdout } = await project.run(['security', 'audit', '--json']);
    return stdout.includes('refused-hello') && stdout;
  });
  // However many they were, it is a line a minute.
  expect(audit.split('\n').length).toBeLessThan(50);
  console.log(`${HANDSHAKES} handshakes, ${served} tasks taken meanwhile; term ${after.term}`);
});
