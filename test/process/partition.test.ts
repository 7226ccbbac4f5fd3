import { expect, test } from 'vitest';
import { parseCommand } from '../../src/tasks/schema.ts';
import type { Cut } from './cables.ts';
import { eventually, openProject, type Project } from './harness.ts';
import { foundStations, type Station, type Stations } from './stations.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
type Name = (typeof NAMES)[number];

/** Adds a task that notes who did it, and waits until that is done. */
async function worksOn(station: Station, id: string): Promise<void> {
  const tasks = [{ id, run: `echo "${id} $FENCE" >>done` }];
  const submission = parseCommand({ kind: 'submit', key: id, tasks });
  await station.with(async (client) => {
    await client.execute(submission, { timeoutMs: 30_000 });
    await eventually(`${id} to be completed`, async () => {
      return (await client.query({ kind: 'task', id }))?.state === 'completed';
    });
  });
}

/**
 * Cuts the coordinator's machine and one more off from the other three: those go on under another coordinator, the two
 * decide nothing, and when the cables are whole again all of them go on together.
 */
async function survive(stations: Stations<Name>, how: Cut): Promise<void> {
  const { cables, nameOf, on } = stations;
  const { coordinator } = await on.a.census();
  const deposed = nameOf(coordinator ?? '');
  const island = [deposed, ...NAMES.filter((name) => name !== deposed).slice(0, 1)];
  const [one, ...others] = NAMES.filter((name) => !island.includes(name)).map((name) => on[name]);
  if (one === undefined) throw new Error('nobody is left');
  cables.cutOff(island, how);
  const after = await eventually('the three to have a coordinator of theirs', async () => {
    const status = await one.census();
    return status.quorum && !island.includes(nameOf(status.coordinator ?? '')) && status;
  });
  expect(
    after.nodes
      .filter(({ role }) => role === 'down')
      .map(({ id }) => nameOf(id))
      .sort(),
  ).toEqual([...island].sort());
  await worksOn(one, `${how}-beyond`);
  await eventually(
    'the two to know that they decide nothing',
    async () => !(await on[deposed].census()).quorum,
  );
  const refused = await on[deposed].run('task', 'add', `${how}-island`, '--run', 'true', '--timeout', '1s');
  expect(refused).toMatchObject({ exitCode: 3, stdout: '' });
  cables.heal();
  await eventually('all five to be one swarm again', async () => {
    const looks = await Promise.all([on[deposed], one, ...others].map((station) => station.census()));
    const [first] = looks;
    return looks.every(({ coordinator: who, nodes, quorum }) => {
      return quorum && who === first?.coordinator && nodes.every(({ role }) => role !== 'down');
    });
  });
  await worksOn(on[deposed], `${how}-healed`);
}

async function expectEqualStates(station: Station): Promise<void> {
  const { exitCode, stdout } = await station.run('verify', '--full', '--json', '--timeout', '30s');
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(stdout).nodes.map(({ verdict }: { verdict: string }) => verdict)).toEqual(
    Array(5).fill('equal'),
  );
}

function timesDone(project: Project): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const line of project.read('done').trim().split('\n')) {
    const [task = ''] = line.split(' ');
    times.set(task, (times.get(task) ?? 0) + 1);
  }
  return times;
}

test('of five machines two are cut off, the coordinator among them: three go on, and all do when it is healed', async () => {
  const project = openProject();
  const stations = await foundStations(project, { names: NAMES, up: ['--lease', '2s'] });
  await worksOn(stations.on.c, 'whole');
  await survive(stations, 'closed');
  await expectEqualStates(stations.on.b);
  await survive(stations, 'silent');
  await expectEqualStates(stations.on.b);
  const tasks = ['whole', 'closed-beyond', 'closed-healed', 'silent-beyond', 'silent-healed'];
  expect(timesDone(project)).toEqual(new Map(tasks.map((task) => [task, 1])));
});
