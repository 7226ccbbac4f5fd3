import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SwarmError } from '../../../src/protocol/errors.ts';
import type { ClusterId } from '../../../src/protocol/ids.ts';
import type { LinksAnswer } from '../../../src/siblings/security-manager/desk.ts';
import { createClient, type SecurityState } from '../../../src/siblings/security-manager/manager.ts';
import { SwarmClient } from '../../../src/swarm/client.ts';
import { loadRoster } from '../../../src/swarm/roster.ts';
import { readBundle } from '../../../src/swarm/security-folder.ts';
import { pack, REQUEST, unpack } from '../../../src/swarm/wire.ts';
import { openClientLink } from '../../../src/transport/client-link.ts';
import { identityOf } from '../../transport/ws-lab.ts';
import { credentials } from './pki.ts';
import { invite, type SecuredSwarm, secured } from './secured-swarm.ts';

/** Replaced with a third left: three seconds for the four of them, on a machine that does much else. */
const LIFE_MS = 9_000;

const fingerprintsOf = ({ certificates }: SecurityState): readonly (string | null)[] =>
  certificates.map(({ fingerprint }) => fingerprint);

async function leadership({ client }: SecuredSwarm) {
  const { leaderId, term } = await client.query({ kind: 'status' });
  return { leaderId, term };
}

/** What those at the other ends have shown on the links that each node has dialled. */
async function shownOnLinks({ folder, instances }: SecuredSwarm): Promise<ReadonlySet<string | null>> {
  const shown = new Set<string | null>();
  for (const { url } of instances.values()) {
    const client = new SwarmClient({ folder, name: 'test', version: 'test', url });
    const { links } = unpack(await client.ask(REQUEST.security, pack({ kind: 'links' }))) as LinksAnswer;
    await client.close();
    for (const { certificate, direction } of links) if (direction === 'out') shown.add(certificate);
  }
  return shown;
}

test('certificates are replaced by themselves before they end, again and again, while tasks go on', async () => {
  const swarm = await secured({ lifeMs: LIFE_MS });
  const guest = await (await invite(swarm)).come();
  const generations = [fingerprintsOf(await swarm.untilState((state) => state.certificates.length === 4))];
  const led = await leadership(swarm);
  const added: string[] = [];
  for (let state = await swarm.state(); generations.length < 3; state = await swarm.state()) {
    const id = `t${added.length}`;
    await guest.client.submit([{ id, prompt: 'anything' }]);
    added.push(id);
    await guest.client.settled([id]);
    const now = fingerprintsOf(state);
    if (now.every((one) => generations.at(-1)?.includes(one) === false)) generations.push(now);
  }
  // Each has another one for the second time: those of the beginning are over, and nobody was cut off for that.
  const tasks = await swarm.client.query({ kind: 'tasks' });
  expect(tasks.filter(({ state }) => state !== 'completed')).toEqual([]);
  expect(tasks.map(({ attempts }) => attempts)).toEqual(added.map(() => 1));
  expect(await leadership(swarm)).toEqual(led);
  const { certificates, warnings } = await swarm.state();
  expect(warnings).toEqual([]);
  const current = new Set(certificates.map(({ fingerprint }) => fingerprint));
  expect([...(await shownOnLinks(swarm))].filter((one) => !current.has(one))).toEqual([]);
});

test('a client is put out when its time is over, though its link is open', async () => {
  const swarm = await secured();
  const [node] = swarm.instances.values();
  const url = node?.url ?? '';
  const { token } = await createClient(swarm.office, { name: 'visitor', role: 'read', lifeMs: 1_000 });
  const { clusterId } = loadRoster(swarm.folder);
  let out: (error: SwarmError) => void = () => undefined;
  const closed = new Promise<SwarmError>((resolve) => {
    out = resolve;
  });
  await openClientLink({
    url,
    identity: identityOf('visitor', { token, clusterId: clusterId as ClusterId }),
    credentials: credentials(undefined, [readBundle(swarm.folder)]),
    onClosed: out,
  });
  expect(await closed).toMatchObject({ code: 'UNAUTHORIZED', message: 'the access of visitor is over' });
});

test('where nobody signs, the status warns before a certificate ends', async () => {
  const swarm = await secured({ lifeMs: 6_000 });
  const key = join(swarm.folder.security, 'ca.key');
  renameSync(key, `${key}.away`);
  const { certificates, warnings } = await swarm.untilState((state) => state.warnings.length > 0);
  const [first] = certificates;
  expect(warnings[0]).toMatch(/certificate of raft-manager-\d ends on .* was not replaced/);
  expect(Date.parse(first?.expiresAt ?? '')).toBeGreaterThan(Date.now());
});
