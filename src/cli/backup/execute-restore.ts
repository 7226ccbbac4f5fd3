import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadAgentFile } from '../../agents/load.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { decodeBackup, legacyOf } from '../../swarm/backup-file.ts';
import { locateProject, prepareStateFolder } from '../../swarm/layout.ts';
import { refound } from '../../swarm/refounding.ts';
import { newClusterId, type Roster } from '../../swarm/roster.ts';
import { readGiven } from '../given-file.ts';
import type { PlaceOptions } from '../options.ts';
import { printJson, printLine } from '../reach.ts';
import { taskCounts } from './task-counts.ts';

export interface RestoreOptions extends PlaceOptions {
  readonly agentFile?: readonly string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export async function executeRestore(file: string, options: RestoreOptions): Promise<void> {
  const path = resolve(file);
  const project = locateProject(options.dir, process.env, process.cwd());
  if (existsSync(project.standing)) {
    throw new SwarmError(
      'ALREADY_RUNNING',
      `there is a swarm in ${project.standing}; restore into another project (--dir), or move that folder away after "raft-manager down"`,
    );
  }
  const backup = await decodeBackup(path, readGiven(path, 'backup'));
  const legacy = legacyOf(path, backup);
  const roster = await rosterHere(backup.roster, project.project, options.agentFile ?? []);
  if (options.dryRun !== true) {
    prepareStateFolder(project.state);
    await refound(project.standing, roster, legacy);
  }
  const { index } = legacy.last;
  const ids = roster.nodes.map(({ id }) => id);
  const told = { restored: options.dryRun !== true, clusterId: roster.clusterId, index, instances: ids };
  if (options.json) return printJson({ ...told, tasks: backup.tasks, createdAt: backup.createdAt });
  printLine(`${path}: of ${backup.createdAt}, index ${index}, ${taskCounts(backup.tasks)}`);
  printLine(
    options.dryRun
      ? `would make a swarm of ${ids.join(', ')} in ${project.standing}`
      : `a new swarm of ${ids.join(', ')} is in ${project.standing}; start it with "raft-manager up"`,
  );
}

/** The instances as they were, for another swarm, on this machine. */
async function rosterHere(roster: Roster, workspace: string, files: readonly string[]): Promise<Roster> {
  const given = await Promise.all(files.map((file) => loadAgentFile(resolve(file))));
  const nodes = roster.nodes.map(({ advertised, ...node }) => {
    const definition = given.find(({ name }) => name === node.agent);
    const agentFile = definition?.source.path ?? node.agentFile;
    if (existsSync(agentFile)) return { ...node, agentFile };
    throw new SwarmError(
      'BAD_INPUT',
      `the agent file of ${node.id} is not there: ${agentFile}. Say where that of ${node.agent} is now, with --agent-file`,
    );
  });
  const { seeds, beside, host, ...rest } = roster;
  return { ...rest, nodes, workspace, clusterId: newClusterId(), createdAt: new Date().toISOString() };
}
