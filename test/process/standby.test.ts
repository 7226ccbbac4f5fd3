import { expect, test } from 'vitest';
import { supervisorOf } from '../../src/swarm/launch.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { allGone, eventually, kill, openProject, type Project } from './harness.ts';
import { bringUp } from './submissions.ts';
import { standingFolder } from './swarm-view.ts';

interface Status {
  readonly quorum: boolean;
  readonly nodes: readonly { readonly id: string; readonly role: string; readonly pid: number }[];
}

async function statusOf(project: Project): Promise<Status> {
  const { stdout } = await project.run(['status', '--json']);
  return stdout === '' ? { quorum: false, nodes: [] } : JSON.parse(stdout);
}

/** Kills the supervisor alone: its instances are left to themselves. Returns its pid. */
function killSupervisor(project: Project): number {
  const pid = supervisorOf(standingFolder(project));
  if (pid === undefined) throw new Error('nobody supervises');
  kill(pid, 'SIGKILL');
  return pid;
}

async function allUp(project: Project, besides: readonly number[]): Promise<Status> {
  return eventually('every instance to be up again', async () => {
    const status = await statusOf(project);
    const isBack = status.nodes.every(({ role, pid }) => role !== 'down' && !besides.includes(pid));
    return status.quorum && isBack && status;
  });
}

test('one that stands by takes over the instances of a supervisor that was killed', async () => {
  const project = openProject();
  const folder = await bringUp(project);
  const before = await statusOf(project);
  expect(await project.run(['task', 'add', 'one', '--run', 'true'])).toMatchObject({ exitCode: 0 });
  const standby = project.start(['up', '--standby', '--foreground']);
  await eventually('it to stand by', () => standby.stdout().includes('standing by for process'));
  const former = killSupervisor(project);
  await eventually('it to supervise', () => supervisorOf(folder) === standby.pid);
  const { nodes } = await allUp(
    project,
    before.nodes.map(({ pid }) => pid),
  );
  expect(nodes.map(({ id }) => id).sort()).toEqual(loadRoster(folder).nodes.map(({ id }) => id));
  expect(standby.stdout()).toContain('taking over');
  expect(former).not.toBe(standby.pid);
  const { stdout } = await project.run(['task', 'list', '--json']);
  expect(JSON.parse(stdout)).toMatchObject([{ id: 'one' }]);
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  expect(await standby.ended).toMatchObject({ exitCode: 0, stderr: '' });
  await allGone(project);
});

test('one that stands by ends when the swarm is stopped in order', async () => {
  const project = openProject();
  await bringUp(project);
  expect(await project.run(['up', '--standby'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('standing by'),
  });
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  await allGone(project);
});

test('an "up" at once after the supervisor alone was killed waits for its instances to leave', async () => {
  const project = openProject();
  await bringUp(project);
  const before = await statusOf(project);
  killSupervisor(project);
  await bringUp(project);
  await allUp(
    project,
    before.nodes.map(({ pid }) => pid),
  );
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
});

test('there is nobody to stand by for while no swarm is up: exit code 3', async () => {
  const project = openProject();
  const before = await project.run(['up', '--standby']);
  expect(before).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('there is no swarm in') });
  await bringUp(project);
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  const after = await project.run(['up', '--standby']);
  expect(after).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('nobody to stand by for') });
});
