import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { locateProject } from '../../src/swarm/layout.ts';
import { findUnfinishedRun, pruneRuns } from '../../src/swarm/run-folder.ts';

test('of the runs that were broken off the latest five are kept, and every one that a person kept', () => {
  const state = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const project = locateProject(state, {}, state);
  const layOut = (name: string): string => {
    const folder = join(project.runs, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const kept = ['1-kept', '9-kept'];
  const brokenOff = ['2', '3', '4', '5', '6', '7', '8'];
  for (const name of kept) layOut(name);
  for (const name of brokenOff) writeFileSync(join(layOut(name), 'run.json'), '{"key":"a"}');

  pruneRuns(project);
  expect(readdirSync(project.runs).sort()).toEqual(['1-kept', '4', '5', '6', '7', '8', '9-kept']);
  expect(findUnfinishedRun(project).folder.root).toBe(join(project.runs, '8'));
});
