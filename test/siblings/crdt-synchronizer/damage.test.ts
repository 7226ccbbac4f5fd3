import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { type CrdtClient, crdt } from '../../../src/siblings/crdt-synchronizer/crdt-client.ts';
import { SwarmClient } from '../../../src/swarm/client.ts';
import { idle, type Standing, stand, until } from '../../swarm/instances.ts';

const VICTIM = 'raft-manager-2';

function at({ folder }: Standing, id: string): CrdtClient {
  const client = new SwarmClient({ folder, name: 'test', version: 'test', only: id });
  onTestFinished(() => client.close());
  return crdt(client);
}

/** The files of documents, the oldest first. */
const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => /\.(log|state)$/.test(name))
    .sort()
    .map((name) => join(folder, name));

function flip(file: string, share: number): void {
  const bytes = readFileSync(file);
  const where = Math.floor(bytes.length * share);
  bytes[where] = (bytes[where] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

interface Damage {
  readonly why: string;
  readonly does: (folder: string) => void;
  /** What the operator reads of each file; nothing: nothing was lost that was acknowledged. */
  readonly says: readonly RegExp[];
}

const DAMAGES: readonly Damage[] = [
  { why: 'the last write was cut off', does: (folder) => tear(folder), says: [] },
  {
    why: 'a byte in the middle has changed',
    does: (folder) => flip(filesIn(folder)[0] ?? '', 0.5),
    says: [/log in .* is damaged behind its record/],
  },
  {
    why: 'the beginning is something else',
    does: (folder) => writeFileSync(filesIn(folder)[0] ?? '', 'not what it was'),
    says: [/is damaged behind its record 0/],
  },
  {
    why: 'what lies in it twice has changed in one place',
    does: (folder) => {
      const file = filesIn(folder)[0] ?? '';
      appendFileSync(file, readFileSync(file).subarray(8));
      flip(file, 0.999);
    },
    says: [/is damaged behind its record/],
  },
  {
    why: 'a file cannot be read',
    does: (folder) => {
      const [file = ''] = filesIn(folder);
      rmSync(file);
      mkdirSync(file);
    },
    says: [/is not to be read \(.*EISDIR/],
  },
  { why: 'all of it is gone', does: (folder) => rmSync(folder, { recursive: true }), says: [] },
];

function tear(folder: string): void {
  const file = filesIn(folder).at(-1) ?? '';
  truncateSync(file, readFileSync(file).length - 3);
}

/** Three instances with documents, of which one is down. */
async function standWithDocuments() {
  const troubles: string[] = [];
  const swarm = await stand({
    instances: 3,
    executor: idle,
    onTrouble: (id, error) => {
      if (id === VICTIM && error instanceof Error) troubles.push(error.message);
    },
  });
  const victim = at(swarm, VICTIM);
  for (let number = 0; number < 20; number += 1) await victim.add('findings', `finding ${number}`);
  await victim.increment('hits', 7, { strong: true });
  const others = ['raft-manager-1', 'raft-manager-3'].map((id) => at(swarm, id));
  await until(async () => {
    const [here, ...there] = await Promise.all([victim, ...others].map((one) => one.list()));
    return there.every((list) => JSON.stringify(list) === JSON.stringify(here));
  });
  const instance = swarm.instances.get(VICTIM);
  swarm.instances.delete(VICTIM);
  await instance?.stop('at-once');
  return { swarm, troubles, folder: swarm.folder.documents(VICTIM as NodeId) };
}

/** It has the log, and takes a change into it. */
async function expectMember(swarm: Standing): Promise<void> {
  const client = new SwarmClient({ folder: swarm.folder, name: 'test', version: 'test', only: VICTIM });
  onTestFinished(() => client.close());
  await client.execute({ kind: 'submit', key: 'after', tasks: [] });
}

describe('damage to the documents of one instance', () => {
  test.each(DAMAGES)(
    'is no damage to the member, and made good by the others: $why',
    async ({ does, says }) => {
      const { folder, swarm, troubles } = await standWithDocuments();
      does(folder);
      await swarm.raise(VICTIM);
      await expectMember(swarm);
      const victim = at(swarm, VICTIM);
      await until(async () => {
        const [here, there] = await Promise.all([victim.list(), at(swarm, 'raft-manager-1').list()]);
        return here.length === 2 && JSON.stringify(here) === JSON.stringify(there);
      });
      expect((await victim.get('findings')).value).toHaveLength(20);
      expect((await victim.increment('hits', 1, { strong: true })).from).toBe(VICTIM);
      expect((await at(swarm, 'raft-manager-3').get('hits', { strong: true })).value).toBe(8);
      const said = troubles.filter((one) => one.includes('the other instances are asked for the rest'));
      expect(said).toEqual(says.map((what) => expect.stringMatching(what)));
      const aside = readdirSync(folder).filter((name) => name.endsWith('.damaged'));
      expect(aside.length).toBe(says.length);
      // And the next time all is well.
      troubles.length = 0;
      await swarm.instances.get(VICTIM)?.stop('at-once');
      await swarm.raise(VICTIM);
      expect((await at(swarm, VICTIM).get('hits')).value).toBe(8);
      expect(troubles.filter((one) => one.includes('crdt'))).toEqual([]);
    },
  );

  test('of a folder that cannot be made is named; the member goes on, and says why it has no documents', async () => {
    const { folder, swarm, troubles } = await standWithDocuments();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'no folder');
    await swarm.raise(VICTIM);
    await expectMember(swarm);
    await expect(at(swarm, VICTIM).list()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(troubles).toContainEqual(expect.stringContaining('EEXIST'));
    expect((await at(swarm, 'raft-manager-1').get('hits', { strong: true })).value).toBe(7);
  });
});
