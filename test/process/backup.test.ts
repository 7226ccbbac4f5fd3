import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { eventually, openProject, type Project } from './harness.ts';
import { bringUp, killEverything, submitTo } from './submissions.ts';
import { standingFolder } from './swarm-view.ts';

const FILE = 'swarm.backup';
const ENOUGH = 20;

async function completed(project: Project): Promise<readonly string[]> {
  return eventually('every task to be completed', async () => {
    const { stdout } = await project.run(['task', 'list', '--json']);
    const tasks = JSON.parse(stdout) as { readonly id: string; readonly state: string }[];
    return tasks.every(({ state }) => state === 'completed') && tasks.map(({ id }) => id);
  });
}

/** A new task is done, and all nodes hold the same. */
async function works(project: Project): Promise<void> {
  expect(await project.run(['task', 'add', 'afterwards', '--run', 'true'])).toMatchObject({
    exitCode: 0,
  });
  expect(await completed(project)).toContain('afterwards');
  expect(await project.run(['verify', '--full'])).toMatchObject({ exitCode: 0 });
}

const namesOf = (folder: SwarmFolder): readonly NodeId[] =>
  loadRoster(folder).nodes.map(({ id }) => id as NodeId);

describe('a backup that is made while tasks come in', () => {
  test('holds what was acknowledged before, and becomes another swarm that does the rest', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    const submitters = submitTo(folder);
    await eventually('the first acknowledgements', () => submitters.acknowledged.length >= ENOUGH);
    const before = [...submitters.acknowledged];
    expect(await project.run(['backup', FILE])).toMatchObject({ exitCode: 0, stderr: '' });
    await submitters.stop();
    expect(await project.run(['backup', FILE])).toMatchObject({ exitCode: 2 });
    expect(readdirSync(project.folder).filter((name) => name.includes('draft'))).toEqual([]);

    const other = openProject();
    const file = join(project.folder, FILE);
    expect(await other.run(['restore', file, '--dry-run'])).toMatchObject({ exitCode: 0 });
    expect(existsSync(standingFolder(other).root)).toBe(false);
    expect(await other.run(['restore', file])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await other.run(['restore', file])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('ALREADY_RUNNING'),
    });
    expect(loadRoster(standingFolder(other)).clusterId).not.toBe(loadRoster(folder).clusterId);
    await bringUp(other);
    expect(await completed(other)).toEqual(expect.arrayContaining(before));
    await works(other);
    await project.run(['down']);
    await other.run(['down']);
  });

  test('lets nobody into the other swarm who was let into this one, and certificates can be made there', async () => {
    const project = openProject();
    await project.run(['security', 'init']);
    await bringUp(project);
    for (const grant of [['client', 'ci', '--role', 'work'], ['token']])
      expect(await project.run(['security', ...grant])).toMatchObject({ exitCode: 0 });
    expect(await project.run(['backup', FILE])).toMatchObject({ exitCode: 0 });
    await project.run(['down']);

    const other = openProject();
    expect(await other.run(['restore', join(project.folder, FILE)])).toMatchObject({ exitCode: 0 });
    expect(await other.run(['security', 'init'])).toMatchObject({ exitCode: 0 });
    await bringUp(other);
    const { stdout } = await other.run(['security', 'status', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ secured: true, hasKey: true, clients: [], authorities: [{ signs: true }] },
      joinTokens: { open: 0, used: 0, expired: 0 },
    });
    await works(other);
    await other.run(['down']);
  });

  test('is refused when nobody is up, when it is no backup, and when an agent file is not there', async () => {
    const project = openProject();
    expect(await project.run(['backup', FILE])).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('NOT_RUNNING'),
    });
    project.write('text', 'hello');
    expect(await project.run(['restore', 'text'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is no backup of a swarm'),
    });
    const agent = project.write('poet.md', '---\nname: poet\ndescription: writes\n---\n');
    expect(await project.run(['up', '--agents', '1', '--agent-file', agent])).toMatchObject({ exitCode: 0 });
    expect(await project.run(['backup', FILE])).toMatchObject({ exitCode: 0 });
    await project.run(['down']);
    renameSync(agent, `${agent}.moved.md`);
    const other = openProject();
    const file = join(project.folder, FILE);
    expect(await other.run(['restore', file])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--agent-file'),
    });
    expect(await other.run(['restore', file, '--agent-file', `${agent}.moved.md`])).toMatchObject({
      exitCode: 0,
    });
  });
});

describe('a swarm whose majority is lost', () => {
  test('is founded anew from what is left, and the dead are strangers to it', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    const submitters = submitTo(folder);
    await eventually('the first acknowledgements', () => submitters.acknowledged.length >= ENOUGH);
    await submitters.stop();
    const all = await completed(project);
    expect(await project.run(['recover'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('ALREADY_RUNNING'),
    });
    await killEverything(project);
    expect(await project.run(['recover'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('a majority of the voters is on this machine'),
    });
    const [first = '' as NodeId, second = '' as NodeId] = namesOf(folder);
    const dead = join(project.folder, 'dead');
    cpSync(folder.nodeFolder(first), dead, { recursive: true });
    for (const name of [first, second]) rmSync(folder.nodeFolder(name), { recursive: true });

    const look = await project.run(['recover']);
    expect(look).toMatchObject({ exitCode: 2, stderr: '' });
    expect(look.stdout).toMatch(
      /nothing that could vote is here of .*\n.*log up to entry \d+ of term \d+\n\nkept: .*\nlost: /,
    );
    expect(existsSync(folder.nodeFolder(first))).toBe(false);

    expect(await project.run(['recover', '--i-understand-data-loss'])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(existsSync(join(project.state, 'before-recovery-1', 'swarm', 'swarm.json'))).toBe(true);
    await bringUp(project);
    expect(await completed(project)).toEqual(expect.arrayContaining([...all]));
    await works(project);
    expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });

    rmSync(folder.nodeFolder(first), { recursive: true });
    renameSync(dead, folder.nodeFolder(first));
    expect((await project.run(['up'])).stderr).toContain('DATA_FOREIGN');
    expect(readFileSync(folder.nodeLog(first), 'utf8')).toContain('"exitCode":78');
    await project.run(['down']);
  });

  test('goes on with a recovery that was broken off', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    await killEverything(project);
    const [first = '' as NodeId, second = '' as NodeId] = namesOf(folder);
    for (const name of [first, second]) rmSync(folder.nodeFolder(name), { recursive: true });
    expect(await project.run(['recover', '--i-understand-data-loss'])).toMatchObject({ exitCode: 0 });
    // As a crash leaves it between the last two steps.
    renameSync(folder.root, `${folder.root}.recovering`);
    expect(await project.run(['recover'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('broken off'),
    });
    await bringUp(project);
    await works(project);
    await project.run(['down']);
  });
});
