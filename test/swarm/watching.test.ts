import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clusterId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { swarmFolder } from '../../src/swarm/layout.ts';
import type { Notice } from '../../src/swarm/port.ts';
import { loadRoster, loadToken, updateRoster, updateToken } from '../../src/swarm/roster.ts';
import { pack } from '../../src/swarm/wire.ts';
import { encodeResponses, PUSH_ID, STATUS_OK } from '../../src/transport/client-codec.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { Recorder } from '../transport/recorder.ts';
import { serveAs } from '../transport/stranger.ts';
import { identityOf } from '../transport/ws-lab.ts';
import { idle, stand } from './instances.ts';

test.each([
  { what: 'bytes that are no message pack', body: Buffer.of(0xc1, 0xff, 0x00) },
  { what: 'nothing at all', body: Buffer.of() },
  { what: 'null', body: pack(null) },
  { what: 'a notice without its events', body: pack({ type: 'applied', index: 1, tasks: [] }) },
  { what: 'an event that is none', body: pack({ type: 'applied', index: 1, events: [null], tasks: [] }) },
  { what: 'a notice of a kind that there is not', body: pack({ type: 'gossip', index: 1 }) },
])('a watcher leaves a node that pushes $what, and hears another one', async ({ body }) => {
  const { client, folder: from, instances } = await stand({ instances: 1, executor: idle });
  const words = { clusterId: clusterId(loadRoster(from).clusterId), token: loadToken(from) };
  const nonsense = await serveAs(({ frames, socket }) => {
    void frames
      .until(({ length }) => length > 0)
      .then(() => {
        socket.send(encodeHello(identityOf('liar', words), 'client'));
        socket.send(encodeResponses([{ requestId: PUSH_ID, status: STATUS_OK, body }]));
      });
  });
  onTestFinished(() => nonsense.close());

  const folder = swarmFolder(join(from.root, 'elsewhere'));
  mkdirSync(folder.root);
  const seeds = [nonsense.url, ...[...instances.values()].map(({ url }) => url)];
  updateRoster(folder, { ...loadRoster(from), nodes: [], seeds });
  updateToken(folder, loadToken(from));
  const notices = new Recorder<Notice>();
  const watcher = new SwarmClient({
    folder,
    name: 'watcher',
    version: 'test',
    onNotice: (notice) => notices.add(notice),
  });
  onTestFinished(() => watcher.close());
  await watcher.watch();
  await nonsense.links.until(({ length }) => length > 0);
  expect(await nonsense.links.items[0]?.closed).toMatchObject({ code: 4005 });

  // Of whatever link it has by now, it hears the swarm.
  await watcher.query({ kind: 'overview' });
  await client.execute({ kind: 'enrol', name: 'guest' });
  await notices.untilHas((notice) => notice.type === 'applied');
  expect(nonsense.links.items).toHaveLength(1);
});
