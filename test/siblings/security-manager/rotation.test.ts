import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { recordsOf } from '../../../src/siblings/security-manager/audit-chain.ts';
import { AUDIT_NAMESPACE } from '../../../src/siblings/security-manager/audit-record.ts';
import {
  beginRotation,
  createJoinToken,
  type SecurityState,
} from '../../../src/siblings/security-manager/manager.ts';
import { SwarmClient } from '../../../src/swarm/client.ts';
import { HOUR_MS } from './pki.ts';
import { invite, type SecuredSwarm, secured } from './secured-swarm.ts';

const fingerprints = ({ authorities }: SecurityState): readonly string[] =>
  authorities.map(({ fingerprint }) => fingerprint);

/** Who leads, and for how long nobody else has. */
async function leadership({ client }: SecuredSwarm) {
  const { leaderId, term } = await client.query({ kind: 'status' });
  return { leaderId, term };
}

async function atLeader(swarm: SecuredSwarm): Promise<SwarmClient> {
  const { leaderId } = await leadership(swarm);
  const client = new SwarmClient({
    folder: swarm.folder,
    name: 'test',
    version: 'test',
    only: leaderId ?? '',
  });
  onTestFinished(() => client.close());
  return client;
}

async function rotations({ client }: SecuredSwarm) {
  const stored = await client.query({ kind: 'records', namespace: AUDIT_NAMESPACE });
  return recordsOf(stored).filter(({ kind }) => kind === 'rotation');
}

test('a rotation waits for a member that is down, and finishes by itself when that is back', async () => {
  const swarm = await secured();
  const guest = await invite(swarm);
  const first = await guest.come();
  await first.stop();
  const before = await swarm.state();
  const led = await leadership(swarm);

  await beginRotation(swarm.office);
  const held = await swarm.untilState(({ rotation }) => rotation?.waitingFor.join() === first.id);
  expect(held.rotation?.phase).toBe('overlap');
  // Nothing is broken meanwhile: the one that signs is the old one, and whoever comes is let in by it.
  expect(held.authorities.find(({ signs }) => signs)?.fingerprint).toBe(before.authorities[0]?.fingerprint);

  const back = await guest.come();
  expect(back.id).toBe(first.id);
  const after = await swarm.untilState(({ rotation }) => rotation === null);
  expect(fingerprints(after)).toHaveLength(1);
  expect(fingerprints(after)).not.toEqual(fingerprints(before));
  const shown = new Set(before.certificates.map(({ fingerprint }) => fingerprint));
  expect(after.certificates.filter(({ fingerprint }) => shown.has(fingerprint))).toEqual([]);
  expect(after.certificates.map(({ id }) => id)).toContain(back.id);
  expect(await leadership(swarm)).toEqual(led);
  const [task] = await back.client.submit([{ prompt: 'anything' }]);
  expect(await back.client.settled([task])).toMatchObject([{ state: 'completed', agent: back.id }]);
});

test('the same of one that goes when it knows the new authority, and has no certificate of it yet', async () => {
  const swarm = await secured();
  const guest = await invite(swarm);
  const first = await guest.come();
  await first.stop();
  await beginRotation(swarm.office);
  await swarm.untilState(({ rotation }) => rotation?.waitingFor.join() === first.id);
  // Whoever has the keys takes each step: without them all stay where they are.
  const keys = ['ca', 'ca-next'].map((name) => join(swarm.folder.security, name));
  for (const key of keys) renameSync(`${key}.key`, `${key}.away`);
  const second = await guest.come();
  await swarm.untilState(({ rotation }) => rotation?.waitingFor.length === 0);
  await second.stop();
  for (const key of keys) renameSync(`${key}.away`, `${key}.key`);
  // Any record that changes makes them look again.
  await createJoinToken(swarm.office, HOUR_MS);
  const held = await swarm.untilState(
    ({ rotation }) => rotation?.phase === 'issue' && rotation.waitingFor.join() === first.id,
  );
  expect(fingerprints(held)).toHaveLength(2);
  const back = await guest.come();
  expect(back.id).toBe(first.id);
  const after = await swarm.untilState(({ rotation }) => rotation === null);
  expect(fingerprints(after)).toHaveLength(1);
});

test('one that was taken out of the swarm holds nothing up', async () => {
  const swarm = await secured();
  const guest = await invite(swarm);
  const first = await guest.come();
  await first.stop();
  await beginRotation(swarm.office);
  await swarm.untilState(({ rotation }) => rotation?.waitingFor.join() === first.id);
  const leader = await atLeader(swarm);
  await leader.changeMembership([{ type: 'remove', id: first.id as NodeId }]);
  const after = await swarm.untilState(({ rotation }) => rotation === null);
  expect(fingerprints(after)).toHaveLength(1);
});

test('its beginning and its end are in the audit log', async () => {
  const swarm = await secured();
  const [old] = fingerprints(await swarm.state());
  await beginRotation(swarm.office);
  const [now] = fingerprints(await swarm.untilState(({ rotation }) => rotation === null));
  expect(await rotations(swarm)).toMatchObject([
    { by: 'the test', subject: 'authority', detail: `${now} follows ${old}` },
    {
      by: expect.stringMatching(/^raft-manager-/),
      subject: 'authority',
      detail: expect.stringContaining(`${old}`),
    },
  ]);
});
