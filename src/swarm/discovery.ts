import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { holderOf } from '../storage/folder-lock.ts';
import { type ProjectFolder, type SwarmFolder, swarmFolder } from './layout.ts';
import { loadRoster } from './roster.ts';

/**
 * The swarm that commands in a project speak of: the one that was named; else the standing one when there is one,
 * else the latest run that has a live process.
 *
 * @throws SwarmError NOT_RUNNING
 */
export function findSwarm(project: ProjectFolder): SwarmFolder {
  if (project.named !== undefined) return swarmFolder(project.named);
  const standing = swarmFolder(project.standing);
  if (hasLiveNode(standing)) return standing;
  const run = listRuns(project).find(hasLiveNode);
  if (run !== undefined) return run;
  if (existsSync(standing.roster)) return standing;
  throw new SwarmError(
    'NOT_RUNNING',
    `no swarm is up in ${project.state}; start one with "raft-manager up", or name its folder with --dir`,
  );
}

/**
 * The same for whoever only wants to talk to it: where no swarm of this project is up, an instance that has joined one
 * elsewhere knows that.
 *
 * @throws SwarmError NOT_RUNNING
 */
export function findSwarmOrJoined(project: ProjectFolder): SwarmFolder {
  const own = [swarmFolder(project.standing), ...listRuns(project)];
  if (project.named !== undefined || own.some(hasLiveNode)) return findSwarm(project);
  return foldersIn(project.joined).find(hasLiveNode) ?? findSwarm(project);
}

/** Folders of runs, the latest first: their names begin with the time of their start. */
export function listRuns(project: ProjectFolder): readonly SwarmFolder[] {
  if (!existsSync(project.runs)) return [];
  return readdirSync(project.runs)
    .sort()
    .reverse()
    .map((name) => swarmFolder(join(project.runs, name)));
}

/** Every swarm that has left a folder in this project: the one that was named alone, or all, the standing one first. */
export function swarmFolders(project: ProjectFolder): readonly SwarmFolder[] {
  if (project.named !== undefined) return [swarmFolder(project.named)];
  const standing = existsSync(project.standing) ? [swarmFolder(project.standing)] : [];
  return [...standing, ...listRuns(project), ...foldersIn(project.joined)];
}

/** The folder of the swarm in which an instance of this project lies. */
export function findInstance(project: ProjectFolder, name: NodeId): SwarmFolder | undefined {
  return swarmFolders(project).find((folder) => existsSync(folder.nodeFolder(name)));
}

function foldersIn(place: string): readonly SwarmFolder[] {
  if (!existsSync(place)) return [];
  return readdirSync(place).map((name) => swarmFolder(join(place, name)));
}

/**
 * True when some process of the swarm is up. Told by the locks on the data folders, which outlive no
 * process: the pid in an endpoint may be somebody else's by now.
 */
export function hasLiveNode(folder: SwarmFolder): boolean {
  if (!existsSync(folder.roster)) return false;
  return loadRoster(folder).nodes.some(({ id }) => holderOf(folder.wal(id as NodeId)) !== undefined);
}
