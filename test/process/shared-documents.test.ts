import { expect, test } from 'vitest';
import { crdt } from '../../src/siblings/crdt-synchronizer/crdt-client.ts';
import type { Cut } from './cables.ts';
import { eventually, openProject } from './harness.ts';
import { foundStations, type Station } from './stations.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;

/** What the instance on that machine has, whoever else is to be reached. */
async function documentsOn(station: Station): Promise<Readonly<Record<string, unknown>>> {
  return station.with(async (client) => {
    const documents = crdt(client);
    const names = (await documents.list()).map(({ name }) => name);
    const readings = await Promise.all(names.map((name) => documents.get(name)));
    return Object.fromEntries(readings.map(({ path, value, version }) => [path, { value, version }]));
  });
}

async function run(station: Station, ...args: readonly string[]): Promise<string> {
  const ended = await station.run(...args);
  expect(ended, args.join(' ')).toMatchObject({ exitCode: 0 });
  return ended.stdout.trim();
}

test('five processes of which two are cut off: both sides write, each reads its own, and all are equal when it is over', async () => {
  const { cables, on } = await foundStations(openProject(), { names: NAMES });
  const all = NAMES.map((name) => on[name]);
  const areEqual = async (): Promise<boolean> => {
    const looks = await Promise.all(all.map(documentsOn));
    return new Set(looks.map((look) => JSON.stringify(look))).size === 1;
  };
  await run(on.a, 'crdt', 'add', 'board/questions', 'who?', '--strong');
  let counted = 0;
  for (const how of ['closed', 'silent'] as const satisfies readonly Cut[]) {
    cables.cutOff(['d', 'e'], how);
    await eventually('the two to know that they decide nothing', async () => !(await on.d.census()).quorum);
    for (const [index, station] of all.entries()) {
      await station.with(async (client) => {
        const documents = crdt(client);
        await documents.increment('hits', index + 1);
        await documents.note(`${how} at ${station.name}`, station.name);
        await documents.set(`board/seen/${station.name}`, how);
      });
      counted += index + 1;
    }
    await eventually('each side to know what its own have said', async () => {
      const { blackboard } = JSON.parse((await on.e.run('status', '--json')).stdout);
      const said = blackboard.notes.map(({ text }: { text: string }) => text);
      return said.includes(`${how} at d`) && said.includes(`${how} at e`) && !said.includes(`${how} at a`);
    });
    // Without a quorum nothing is strong, and nothing goes into the log.
    for (const args of [
      ['crdt', 'get', 'hits', '--strong'],
      ['crdt', 'checkpoint', 'hits'],
    ]) {
      expect(await on.d.run(...args, '--timeout', '3s'), args.join(' ')).toMatchObject({ exitCode: 3 });
    }
    cables.heal();
    await eventually('all to be equal', areEqual);
    const [look] = await Promise.all(all.map(documentsOn));
    expect(look?.hits).toMatchObject({ value: counted });
  }
  const checkpointed = JSON.parse(
    await run(on.b, 'crdt', 'checkpoint', 'hits', '--json', '--timeout', '30s'),
  );
  expect(checkpointed).toMatchObject({
    committed: true,
    index: expect.any(Number),
    timestamp: expect.any(Number),
  });
  expect(await run(on.e, 'crdt', 'get', 'hits', '--strong', '--timeout', '30s')).toBe(String(counted));
});
