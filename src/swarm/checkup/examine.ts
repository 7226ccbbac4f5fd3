import { existsSync } from 'node:fs';
import { SwarmError } from '../../protocol/errors.ts';
import { abandonedBy, holderOf } from '../../storage/folder-lock.ts';
import { swarmFolders } from '../discovery.ts';
import type { ProjectFolder, SwarmFolder } from '../layout.ts';
import { loadRoster, loadToken, type Roster } from '../roster.ts';
import { type Finding, note, refusal, wrong } from './finding.ts';
import { checkInstance } from './instance-check.ts';
import { checkDisk, checkRuntime, type Runtime } from './machine-check.ts';
import { checkMajority } from './majority-check.ts';
import { checkRights } from './rights-check.ts';

export interface Checkup {
  readonly state: string;
  /** Folders of swarms, and instances in them, that were looked at. */
  readonly swarms: number;
  readonly instances: number;
  readonly findings: readonly Finding[];
}

/**
 * Looks at all that a project keeps: the standing swarm, its runs, and instances that joined swarms elsewhere. Reads only.
 *
 * @throws SwarmError BAD_INPUT when there is no state folder.
 */
export async function examine(project: ProjectFolder, runtime: Runtime): Promise<Checkup> {
  const place = project.named ?? project.state;
  if (!existsSync(place)) {
    const message = `${place}: there is no such folder, so nothing to be looked at; name another one, or start with "raft-manager up"`;
    throw new SwarmError('BAD_INPUT', message);
  }
  const isBusy = (folder: string): boolean => holderOf(folder) !== undefined;
  const findings = [
    ...checkRuntime(runtime),
    ...(await checkDisk(place)),
    ...checkRights({ root: place, isBusy }),
  ];
  // Whoever may not look into it would take everything for missing.
  if (findings.some(({ about, path }) => about === 'owner' && path === place)) {
    return { state: place, swarms: 0, instances: 0, findings };
  }
  const swarms = swarmFolders(project).filter((folder) => !isDraft(folder));
  let instances = 0;
  for (const folder of swarms) {
    const { roster, found } = checkSwarm(folder);
    findings.push(...found);
    if (roster === undefined) continue;
    findings.push(...checkMajority(folder, roster));
    for (const member of roster.nodes) {
      instances += 1;
      findings.push(...(await checkInstance({ folder, roster, member })));
    }
  }
  return { state: place, swarms: swarms.length, instances, findings };
}

/** A swarm that was being made when its maker was killed: told as a leftover. */
function isDraft({ root }: SwarmFolder): boolean {
  return root.endsWith('.draft');
}

/** What its instances have in common. */
function checkSwarm(folder: SwarmFolder): { readonly roster?: Roster; readonly found: readonly Finding[] } {
  const found = [...checkToken(folder), ...checkSupervision(folder)];
  try {
    const roster = loadRoster(folder);
    return { roster, found: [...found, ...checkPlaces(roster)] };
  } catch (error) {
    const advice =
      'correct it there, or bring it back from a copy; without it no instance of this swarm can start';
    return { found: [...found, wrong(refusal(error, { about: 'roster', path: folder.roster, advice }))] };
  }
}

function checkToken(folder: SwarmFolder): readonly Finding[] {
  const path = folder.token;
  if (!existsSync(path)) {
    const what = 'the secret of the swarm is missing: nothing can reach its instances, nor they each other';
    const advice = 'copy the file from another machine of the swarm; where there is none, begin anew';
    return [wrong({ about: 'missing', path, what, advice })];
  }
  try {
    loadToken(folder);
    return [];
  } catch (error) {
    // That it is open to others is told with all the other rights.
    if (error instanceof SwarmError) return [];
    return [wrong(refusal(error, { about: 'unreadable', path, advice: '' }))];
  }
}

function checkSupervision({ supervisor: path }: SwarmFolder): readonly Finding[] {
  const pid = abandonedBy(path);
  if (pid === undefined) return [];
  const what = `process ${pid}, which supervised the swarm, was killed`;
  const advice = '"raft-manager up" takes it over; the instances as they were';
  return [note({ about: 'stale-lock', path, what, advice })];
}

function checkPlaces({ workspace, beside }: Roster): readonly Finding[] {
  const places = [
    { path: workspace, what: 'the folder in which tasks run is not there' },
    ...(beside === undefined
      ? []
      : [{ path: beside, what: 'the swarm that its instance joined is not there' }]),
  ];
  const advice = 'put it back, or correct the roster';
  return places
    .filter(({ path }) => !existsSync(path))
    .map((one) => wrong({ about: 'missing', ...one, advice }));
}
