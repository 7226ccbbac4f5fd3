import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { lockFolder } from '../../src/storage/folder-lock.ts';
import { findSwarm, findSwarmOrJoined } from '../../src/swarm/discovery.ts';
import { locateProject, swarmFolder } from '../../src/swarm/layout.ts';

/** A state folder with a standing swarm, a run and a joined instance, none of them up. */
function stateFolder(): string {
  const state = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const roster = JSON.stringify({
    format: 1,
    name: 'test',
    clusterId: 'cluster',
    createdAt: '2020-01-01T00:00:00Z',
    workspace: state,
    executor: 'command',
    requireHooks: false,
    leaseMs: 300_000,
    nodes: [{ id: 'a', agent: 'a', agentFile: '/a.md', voter: true, port: 0, rank: 2, standing: 'eligible' }],
  });
  for (const place of ['swarm', 'runs/1', 'joined/b']) {
    const path = swarmFolder(join(state, place)).roster;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, roster);
  }
  return state;
}

describe('the swarm that commands speak of', () => {
  test.each([
    { why: 'of a state folder, the standing one', named: '.', found: 'swarm' },
    { why: 'the standing one, by its name', named: 'swarm', found: 'swarm' },
    { why: 'a run, beside a standing one', named: 'runs/1', found: 'runs/1' },
    { why: 'an instance that joined another swarm', named: 'joined/b', found: 'joined/b' },
  ])('is $why', ({ named, found }) => {
    const state = stateFolder();
    const project = locateProject(undefined, { RAFT_MANAGER_DIR: join(state, named) }, '/');
    expect(findSwarm(project).root).toBe(join(state, found));
    // What is begun from there does not nest.
    expect(project).toMatchObject({ state, standing: join(state, 'swarm'), runs: join(state, 'runs') });
  });

  test('is what the command line says, whatever the environment says', () => {
    const state = stateFolder();
    const project = locateProject(state, { RAFT_MANAGER_DIR: join(state, 'runs/1') }, '/');
    expect(findSwarm(project).root).toBe(join(state, 'swarm'));
  });

  test.each([
    { why: 'nothing is up', up: [], found: 'swarm' },
    { why: 'an instance is up that joined elsewhere', up: ['joined/b'], found: 'joined/b' },
    { why: 'the standing one is up, too', up: ['joined/b', 'swarm'], found: 'swarm' },
    { why: 'a run is up, too', up: ['joined/b', 'runs/1'], found: 'runs/1' },
  ])('is, for whoever only talks to it, $found when $why', ({ up, found }) => {
    const state = stateFolder();
    for (const place of up) {
      const wal = swarmFolder(join(state, place)).wal('a' as NodeId);
      mkdirSync(wal, { recursive: true });
      onTestFinished(lockFolder(wal));
    }
    expect(findSwarmOrJoined(locateProject(state, {}, '/')).root).toBe(join(state, found));
  });

  test('is none where nothing is', () => {
    const project = locateProject(join(stateFolder(), 'nowhere'), {}, '/');
    expect(() => findSwarm(project)).toThrow(expect.objectContaining({ code: 'NOT_RUNNING' }));
  });
});
