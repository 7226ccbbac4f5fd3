import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { type NodeId, nodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { quarantineOf } from '../../src/swarm/quarantine.ts';
import { idle, type Standing, stand, until } from './instances.ts';
import { tamper } from './tampering.ts';

const THIRD = nodeId('raft-manager-3');

/** Whom the swarm has named, and who stopped by itself. */
interface Heard {
  readonly named: SwarmError[];
  readonly stopped: { readonly id: string; readonly error: Error }[];
}

async function audited(): Promise<Standing & Heard> {
  const named: SwarmError[] = [];
  const stopped: Heard['stopped'] = [];
  const standing = await stand({
    instances: 3,
    executor: idle,
    work: { verifyEveryMs: 50 },
    onTrouble: (_, error) => {
      if (error instanceof SwarmError && error.code === 'DIVERGED') named.push(error);
    },
    onStopped: (id, error) => stopped.push({ id, error }),
  });
  return { ...standing, named, stopped };
}

/** A task that waits for somebody who never comes. */
function submit(client: SwarmClient, id: string, title: string) {
  const task = {
    id,
    title,
    run: 'true',
    priority: 'normal',
    requires: ['nobody-can'],
    dependsOn: [],
    env: {},
  } as const;
  return client.execute({ kind: 'submit', key: id, tasks: [task] });
}

/** Has one node write its state down, and stops it. */
async function putToSleep({ folder, instances }: Standing, name: NodeId): Promise<void> {
  const url = instances.get(name)?.url;
  if (url === undefined) throw new Error(`${name} is not up`);
  const client = new SwarmClient({ folder, name: 'test', version: 'test', url });
  await client.snapshot();
  await client.close();
  await instances.get(name)?.stop('at-once');
  instances.delete(name);
}

describe('a swarm whose members are compared', () => {
  test('catches a node that holds another state, names it, keeps it out, and goes on', async () => {
    const swarm = await audited();
    const { client, folder, named, raise, stopped } = swarm;
    await submit(client, 'one', 'original');
    await putToSleep(swarm, THIRD);
    tamper(folder, THIRD, ['original', 'tampered']);
    await raise(THIRD);
    await until(async () => stopped.length > 0);

    expect(stopped).toEqual([{ id: THIRD, error: expect.objectContaining({ code: 'QUARANTINED' }) }]);
    expect(named.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^raft-manager-3 holds another state under the same hash at index \d+ than a majority/,
      ),
    ]);
    expect(quarantineOf(folder, THIRD)?.why).toContain('holds another state');
    await expect(raise(THIRD)).rejects.toMatchObject({ code: 'QUARANTINED' });
    await submit(client, 'two', 'afterwards');
    expect((await client.query({ kind: 'tasks' })).map(({ title }) => title)).toEqual([
      'original',
      'afterwards',
    ]);
    expect(readdirSync(folder.wal(THIRD)).some((name) => name.endsWith('.snapshot'))).toBe(true);
  });

  test('has nothing to say of one that comes back from its snapshot as it was', async () => {
    const swarm = await audited();
    const { client, folder, named, raise, stopped } = swarm;
    await submit(client, 'one', 'original');
    await putToSleep(swarm, THIRD);
    await submit(client, 'two', 'meanwhile');
    const kinds = async (): Promise<readonly (string | undefined)[]> => {
      const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
      return lines.map(({ command }) => (command as { readonly kind?: string } | null)?.kind);
    };
    const registrations = async (): Promise<number> =>
      (await kinds()).filter((kind) => kind === 'register').length;
    const before = await registrations();
    await raise(THIRD);
    await until(async () => (await registrations()) > before);
    // The checkpoint behind its registration, and one more: it was compared in between.
    const checkpoints = async (): Promise<number> => {
      const all = await kinds();
      return all.slice(all.lastIndexOf('register')).filter((kind) => kind === 'checkpoint').length;
    };
    await until(async () => (await checkpoints()) >= 1);
    await submit(client, 'three', 'afterwards');
    await until(async () => (await checkpoints()) >= 2);
    expect({ named, stopped }).toEqual({ named: [], stopped: [] });
    expect(quarantineOf(folder, THIRD)).toBeUndefined();
  });
});
