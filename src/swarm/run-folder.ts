import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { TaskSpec } from '../tasks/command.ts';
import { hasLiveNode, listRuns } from './discovery.ts';
import { writeWhole } from './files.ts';
import { type ProjectFolder, type SwarmFolder, swarmFolder } from './layout.ts';

/** What a run was asked to do: kept beside its swarm, so that it can go on after any kind of end. */
export interface RunOrder {
  readonly taskFile: string;
  /** Idempotency key of the submission. */
  readonly key: string;
  readonly tasks: readonly TaskSpec[];
}

/** Runs that were broken off and are kept for `--resume`. */
const MAX_KEPT_RUNS = 5;

/** A folder for a new run; its name sorts by time. */
export function newRunFolder(project: ProjectFolder): SwarmFolder {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return swarmFolder(join(project.runs, `${time}-${process.pid}`));
}

export function saveRunOrder(folder: SwarmFolder, order: RunOrder): void {
  writeWhole(join(folder.root, 'run.json'), JSON.stringify(order), 0o600);
}

/**
 * The latest run that has not come to its end.
 *
 * @throws SwarmError BAD_INPUT when there is none; ALREADY_RUNNING when it is at work right now.
 */
export function findUnfinishedRun(project: ProjectFolder): {
  readonly folder: SwarmFolder;
  readonly order: RunOrder;
} {
  const folder = listRuns(project).find(isUnfinished);
  if (folder === undefined) {
    throw new SwarmError(
      'BAD_INPUT',
      `no unfinished run in ${project.runs}; start one with "raft-manager run FILE"`,
    );
  }
  if (hasLiveNode(folder)) {
    throw new SwarmError(
      'ALREADY_RUNNING',
      `the run in ${folder.root} is at work; watch it with "raft-manager status"`,
    );
  }
  return { folder, order: JSON.parse(readFileSync(join(folder.root, 'run.json'), 'utf8')) as RunOrder };
}

function isUnfinished({ root }: SwarmFolder): boolean {
  return existsSync(join(root, 'run.json'));
}

/** Removes a finished run's folder. */
export function removeRun(folder: SwarmFolder): void {
  rmSync(folder.root, { recursive: true, force: true });
}

/** Marks a run as finished but leaves its folder for a look. */
export function closeRun(folder: SwarmFolder): void {
  rmSync(join(folder.root, 'run.json'), { force: true });
}

/** Drops the oldest runs that nobody came back to. Those that a person chose to keep stay. */
export function pruneRuns(project: ProjectFolder): void {
  for (const folder of listRuns(project).filter(isUnfinished).slice(MAX_KEPT_RUNS)) {
    if (!hasLiveNode(folder)) removeRun(folder);
  }
}
