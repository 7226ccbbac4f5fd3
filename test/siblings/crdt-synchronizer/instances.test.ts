import { existsSync, rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { type CrdtClient, crdt } from '../../../src/siblings/crdt-synchronizer/crdt-client.ts';
import { SwarmClient } from '../../../src/swarm/client.ts';
import { idle, type Standing, stand, until } from '../../swarm/instances.ts';

const IDS = ['raft-manager-1', 'raft-manager-2', 'raft-manager-3'] as const;

/** What one instance answers for itself. */
function at({ folder }: Standing, id: string): CrdtClient {
  const client = new SwarmClient({ folder, name: 'test', version: 'test', only: id });
  onTestFinished(() => client.close());
  return crdt(client);
}

async function halt({ instances }: Standing, id: string): Promise<void> {
  const instance = instances.get(id);
  instances.delete(id);
  await instance?.stop('at-once');
}

const valueAt = async (documents: CrdtClient, path: string): Promise<unknown> => {
  const there = (await documents.list()).some(({ name }) => name === path);
  return there ? (await documents.get(path)).value : undefined;
};

test('a change at one instance is known to the others, and to whoever watches there', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  const [one, two, three] = IDS.map((id) => at(swarm, id));
  await one?.increment('hits', 2);
  await until(async () => two !== undefined && (await valueAt(two, 'hits')) === 2);
  const seen: unknown[] = [];
  const end = new AbortController();
  for await (const reading of three?.watch('hits', end.signal) ?? []) {
    seen.push(reading?.value);
    if (reading?.value === 5) end.abort();
    else if (seen.length === 1) await two?.increment('hits', 3);
  }
  expect(seen.at(-1)).toBe(5);
});

test('what was acknowledged as strong is in every strong read, and a checkpoint is in the log', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  for (let number = 1; number <= 10; number += 1) {
    await at(swarm, 'raft-manager-1').increment('hits', 1, { strong: true });
    expect((await at(swarm, 'raft-manager-3').get('hits', { strong: true })).value).toBe(number);
  }
  const { committed, index, timestamp, version } = await at(swarm, 'raft-manager-2').checkpoint('hits');
  expect({ committed, isTime: timestamp > 0 }).toEqual({ committed: true, isTime: true });
  const [record] = await swarm.client.query({ kind: 'records', namespace: 'crdt' });
  expect(record).toMatchObject({ key: 'hits', version: index });
  expect(JSON.parse(record?.value ?? '')).toMatchObject({
    type: 'CRDT_OPERATION',
    docType: 'pn-counter',
    version,
  });
});

test('an instance that has lost its documents has them from the others, and a swarm that lost all from its checkpoints', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  await at(swarm, 'raft-manager-1').set('settled', 'yes', { strong: true });
  await at(swarm, 'raft-manager-1').checkpoint('settled');
  await at(swarm, 'raft-manager-1').set('open', 'perhaps', { strong: true });
  const folders = IDS.map((id) => swarm.folder.documents(id as NodeId));
  await halt(swarm, 'raft-manager-1');
  rmSync(folders[0] ?? '', { recursive: true });
  await swarm.raise('raft-manager-1');
  await until(async () => (await valueAt(at(swarm, 'raft-manager-1'), 'open')) === 'perhaps');
  for (const id of IDS) await halt(swarm, id);
  for (const folder of folders) {
    expect(existsSync(folder)).toBe(true);
    rmSync(folder, { recursive: true });
  }
  await Promise.all(IDS.map((id) => swarm.raise(id)));
  await until(async () => (await valueAt(at(swarm, 'raft-manager-2'), 'settled')) === 'yes');
  // What was on no other disk and in no checkpoint is lost with the disks.
  expect(await valueAt(at(swarm, 'raft-manager-2'), 'open')).toBeUndefined();
});

test('one that is left alone reads and writes, says so of nothing that needs a majority, and keeps it over a restart', async () => {
  const swarm = await stand({ instances: 3, executor: idle });
  await at(swarm, 'raft-manager-1').increment('hits', 1, { strong: true });
  const alone = at(swarm, 'raft-manager-1');
  await until(async () => (await alone.blackboard()).presence.length === 3);
  await halt(swarm, 'raft-manager-2');
  await halt(swarm, 'raft-manager-3');
  await alone.increment('hits');
  await alone.note('alone', 'raft-manager-1');
  expect((await alone.get('hits')).value).toBe(2);
  await expect(alone.increment('hits', 1, { strong: true })).rejects.toMatchObject({ code: 'NO_QUORUM' });
  const { notes, presence } = await alone.blackboard();
  expect(notes.map(({ text }) => text)).toEqual(['alone']);
  expect(presence.map(({ id }) => id).sort()).toEqual([...IDS]);
  await halt(swarm, 'raft-manager-1');
  await swarm.raise('raft-manager-1');
  // A strong change that was refused is there all the same: it was on this disk before the others were asked.
  expect((await at(swarm, 'raft-manager-1').get('hits')).value).toBe(3);
  await swarm.raise('raft-manager-2');
  await until(async () => (await valueAt(at(swarm, 'raft-manager-2'), 'hits')) === 3);
});
