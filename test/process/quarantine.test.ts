import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import type { NodeJson } from '../../src/swarm/census.ts';
import { tamper } from '../swarm/tampering.ts';
import { allGone, eventually, openProject, type Project } from './harness.ts';
import { standingFolder } from './swarm-view.ts';

const THIRD = nodeId('raft-manager-3');

async function nodesOf(project: Project): Promise<readonly NodeJson[]> {
  const { stdout } = await project.run(['status', '--json']);
  return JSON.parse(stdout).nodes;
}

const addTask = (project: Project, title: string) =>
  project.run(['task', 'add', '--title', title, '--run', 'true']);

test('an instance that holds another state is kept out, told of everywhere, and comes back anew once its data are gone', async () => {
  const project = openProject();
  await project.run(['up', '--verify-every', '200ms']);
  const folder = standingFolder(project);
  await addTask(project, 'original');
  await project.run(['snapshot']);
  await project.run(['down']);
  tamper(folder, THIRD, ['original', 'tampered']);
  expect(await project.run(['up'])).toMatchObject({ exitCode: 0 });
  const third = await eventually('the instance to be kept out', async () => {
    return (await nodesOf(project)).find(({ id, quarantined }) => id === THIRD && quarantined !== null);
  });
  expect(third).toMatchObject({ role: 'down', quarantined: expect.stringContaining('holds another state') });
  expect(await project.run(['status'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`QUARANTINED: ${THIRD} holds another state`),
  });
  expect(await addTask(project, 'meanwhile')).toMatchObject({ exitCode: 0 });
  const supervisorLog = (): string => readFileSync(join(folder.supervisor, 'supervisor.log'), 'utf8');
  await eventually('the report', () => supervisorLog().includes(`instance ${THIRD} is in quarantine`));
  expect(supervisorLog()).not.toContain('it is restarted');
  expect(readFileSync(folder.nodeLog(THIRD), 'utf8')).toContain('"exitCode":76');
  const examined = await project.run(['doctor']);
  expect(examined).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(`quarantined ${THIRD}: `) });
  expect(examined.stdout).toContain(`move ${folder.nodeFolder(THIRD)} away`);

  renameSync(folder.nodeFolder(THIRD), join(project.folder, 'for-later'));
  await eventually('it to vote again, as another', async () => {
    return (await nodesOf(project)).some(
      ({ id, voter, role }) => id.startsWith(`${THIRD}.`) && voter && role !== 'down',
    );
  });
  expect(await project.run(['verify', '--full'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('3 of 3 members are equal'),
  });
  expect(await project.run(['doctor'])).toMatchObject({ exitCode: 0 });
  await project.run(['down']);
  await allGone(project);
});
