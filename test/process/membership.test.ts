import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { allGone, eventually, kill, openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { keepBusy } from './steady-work.ts';
import { coordinatorOf, type Found, nextLife, standingFolder } from './swarm-view.ts';

interface Members {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** A swarm of `agents` instances of which one votes: that one first. */
async function withOneVoter(project: Project, agents: number) {
  expect(await project.run(['up', '--agents', String(agents)])).toMatchObject({ exitCode: 0, stderr: '' });
  const folder = standingFolder(project);
  const { id: first } = await coordinatorOf(folder);
  const others = idsOf(folder).filter((id) => id !== first);
  expect(await change(project, 'demote', ...others)).toEqual({ voters: [first], learners: others });
  return { folder, first, others };
}

const idsOf = (folder: SwarmFolder): NodeId[] => loadRoster(folder).nodes.map(({ id }) => id as NodeId);

/** Runs `members ARGS`, and returns who belongs to the swarm then, sorted. */
async function change(project: Project, ...args: string[]): Promise<Members> {
  const { exitCode, stdout, stderr } = await project.run(['members', ...args, '--json', '--timeout', '60s']);
  expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  const { changed, voters, learners } = JSON.parse(stdout);
  expect(changed, args.join(' ')).toBe(true);
  return { voters: [...voters].sort(), learners: [...learners].sort() };
}

async function lifeOf(folder: SwarmFolder, id: string): Promise<Found> {
  return eventually(`${id} to be up`, () => {
    const endpoint = findEndpoint(folder, id as NodeId);
    return endpoint === undefined ? undefined : { id: id as NodeId, ...endpoint };
  });
}

/** Kills one node after the other; each must be back, and the work go on, before it is the next one's turn. */
async function restartEach(folder: SwarmFolder, goesOn: () => Promise<void>): Promise<void> {
  for (const id of idsOf(folder)) {
    const former = await lifeOf(folder, id);
    kill(former.pid, 'SIGKILL');
    await nextLife(folder, former);
    await coordinatorOf(folder);
    await goesOn();
  }
}

test('a swarm grows 1, 3, 5 and shrinks to 3, replaces its coordinator, restarts every node, and loses nothing', async () => {
  const project = openProject();
  const { folder, first, others } = await withOneVoter(project, 5);
  const [b = '', c = '', d = '', e = ''] = others;
  const work = keepBusy(folder);
  await work.goesOn();

  expect(await change(project, 'promote', b, c)).toEqual({ voters: [first, b, c].sort(), learners: [d, e] });
  await work.goesOn();

  const { pid } = await lifeOf(folder, first);
  expect(await change(project, 'replace', first, d)).toEqual({ voters: [b, c, d], learners: [e] });
  await coordinatorOf(folder, first);
  await work.goesOn();
  await eventually('the process of the former coordinator to end', () => !project.processes().includes(pid));

  const back = await change(project, 'add', first, '--voter');
  expect(back).toEqual({ voters: [first, b, c, d].sort(), learners: [e] });
  expect((await lifeOf(folder, first)).pid).not.toBe(pid);
  expect(await change(project, 'promote', e)).toMatchObject({ voters: [first, b, c, d, e].sort() });
  await work.goesOn();

  await restartEach(folder, () => work.goesOn());
  expect(await change(project, 'demote', b, c)).toEqual({ voters: [first, d, e].sort(), learners: [b, c] });
  await work.goesOn();
  await work.stop();

  const ids = await eventually('every task to be completed', async () => {
    const { exitCode, stdout } = await project.run(['task', 'list', '--json']);
    const tasks =
      exitCode === 0 ? (JSON.parse(stdout) as { readonly id: string; readonly state: string }[]) : [];
    return tasks.length > 0 && tasks.every(({ state }) => state === 'completed') && tasks.map(({ id }) => id);
  });
  expect(ids).toEqual(expect.arrayContaining([...work.acknowledged]));
  expect(await project.run(['verify', '--quick'])).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0, stderr: '' });
  await allGone(project);
  expectEachCompletedOnce(await readHistory(folder, { voters: [first, d, e] }), ids);
});

test('a removed instance ends for good, is not started by the next "up", and can be let in again', async () => {
  const project = openProject();
  await project.run(['up', '--agents', '3']);
  const folder = standingFolder(project);
  const { id: coordinator } = await coordinatorOf(folder);
  const [removed = ''] = idsOf(folder).filter((id) => id !== coordinator);
  const { pid } = await lifeOf(folder, removed);
  const watch = project.start(['status', '--watch', '--interval', '200ms']);
  await eventually('the first look', () => watch.stdout().includes(`${removed} follower`));
  expect(await change(project, 'remove', removed)).toMatchObject({ learners: [] });
  await eventually('its process to end', () => !project.processes().includes(pid));
  await eventually('whoever watches to see it', () => watch.stdout().includes(`${removed} down, no member`));
  watch.signal('SIGINT');
  const supervisorLog = (): string => readFileSync(join(folder.supervisor, 'supervisor.log'), 'utf8');
  await eventually('the report', () =>
    supervisorLog().includes(`instance ${removed} was removed from the swarm`),
  );
  expect(supervisorLog()).not.toContain('it is restarted');
  expect(readFileSync(folder.nodeLog(removed as NodeId), 'utf8')).toContain('removed from the swarm');

  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  await allGone(project);
  expect(await project.run(['up'])).toMatchObject({ exitCode: 0 });
  // The supervisor and two instances.
  expect(project.processes()).toHaveLength(3);
  expect(await change(project, 'add', removed, '--voter')).toMatchObject({ voters: idsOf(folder) });
});

describe('members', () => {
  test('refuses what cannot be, and does nothing when all is so already', async () => {
    const project = openProject();
    const { folder, first, others } = await withOneVoter(project, 3);
    const [b = '', c = ''] = others;
    const run = async (...args: string[]) => project.run(['members', ...args]);

    expect(await run('promote', 'nobody')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/no node nobody; there are raft-manager-1, .*\[UNKNOWN_NODE\]/),
    });
    expect(await run('demote', b)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('already so'),
    });
    expect(await run('remove', first)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('NO_VOTERS_LEFT'),
    });
    expect((await run('promote', b)).stdout).toContain('two voters do not survive the loss of one');
    expect((await run('list')).stdout).toMatch(/MEMBER +PART +ROLE/);

    kill((await lifeOf(folder, c)).pid, 'SIGSTOP');
    const refused = await run('promote', c);
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/--force.*\[UNSAFE_CHANGE\]/s),
    });
    expect(await run('promote', c, '--force')).toMatchObject({ exitCode: 0 });
    expect(await run('remove', b)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/2 voters would be left, of whom 2 must be up.*\[UNSAFE_CHANGE\]/s),
    });
    kill((await lifeOf(folder, c)).pid, 'SIGCONT');
  });

  test('without a swarm: exit code 3', async () => {
    expect(await openProject().run(['members', 'list'])).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
