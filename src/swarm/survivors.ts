import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeConfiguration } from '../protocol/configuration-codec.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId, NodeId } from '../protocol/ids.ts';
import { type Configuration, isBefore, isVoter, majority, members } from '../protocol/state.ts';
import { holderOf } from '../storage/folder-lock.ts';
import { type OfflineState, readOfflineState, readSnapshot } from '../storage/offline-state.ts';
import { TaskMachine } from '../tasks/machine.ts';
import { memberIdOf } from './identity.ts';
import { type ProjectFolder, type SwarmFolder, swarmFolder } from './layout.ts';
import { type Legacy, readBlobFile } from './refounding.ts';
import { bootstrapConfiguration, loadRoster, type Roster, type RosterNode } from './roster.ts';

/** An instance of this machine whose data are there. */
interface Survivor {
  readonly name: NodeId;
  readonly memberId: NodeId;
  readonly folder: SwarmFolder;
  readonly state: OfflineState;
}

/** What is left on this machine of a swarm that nobody leads any more. */
export interface Remains {
  readonly clusterId: ClusterId;
  /** Of the swarm's own folder; of one who joined, if there is none here. */
  readonly roster: Roster;
  /** Who is to be founded anew. */
  readonly nodes: readonly RosterNode[];
  /** Folders that belong to it, and give way to the new one. */
  readonly folders: readonly SwarmFolder[];
  readonly survivors: readonly Survivor[];
  /** Whose log goes furthest. */
  readonly best: Survivor;
  /** Who belonged to it, as the best one knows. */
  readonly configuration: Configuration;
  /** Voters of whom nothing is here that could vote. */
  readonly lost: readonly NodeId[];
}

/**
 * Looks at all data of a swarm on this machine. Writes nothing.
 *
 * @throws SwarmError NOT_RUNNING when there is none; ALREADY_RUNNING while an instance is up; DATA_DAMAGED when nothing of it
 *   can be read.
 */
export async function findRemains(project: ProjectFolder): Promise<Remains> {
  const folders = foldersOf(project);
  const [first] = folders;
  if (first === undefined) {
    throw new SwarmError('NOT_RUNNING', `there is nothing of a swarm in ${project.state}`);
  }
  const roster = loadRoster(first);
  const clusterId = roster.clusterId as ClusterId;
  const survivors: Survivor[] = [];
  const nodes = new Map<string, RosterNode>();
  for (const folder of folders) {
    for (const node of loadRoster(folder).nodes) {
      nodes.set(node.id, node);
      const name = node.id as NodeId;
      const pid = holderOf(folder.wal(name));
      if (pid !== undefined) {
        throw new SwarmError(
          'ALREADY_RUNNING',
          `${name} is up, under process ${pid}; stop it first: "raft-manager down"`,
        );
      }
      const memberId = memberIdOf(folder, name);
      const state = await readOfflineState(folder.wal(name), { clusterId, nodeId: memberId });
      if (state !== undefined) survivors.push({ name, memberId, folder, state });
    }
  }
  const best = survivors.reduce<Survivor | undefined>(further, undefined);
  if (best === undefined) {
    throw new SwarmError(
      'DATA_DAMAGED',
      `no log is left in ${project.state}; "raft-manager restore" needs a backup`,
    );
  }
  const configuration = configurationOf(best.state, roster);
  const here = soundOf(survivors);
  const lost = members(configuration).filter((id) => isVoter(configuration, id) && !here.has(id));
  return { clusterId, roster, nodes: [...nodes.values()], folders, survivors, best, configuration, lost };
}

/** The standing swarm and who joined it here; or who joined a swarm that lives elsewhere. */
function foldersOf(project: ProjectFolder): readonly SwarmFolder[] {
  const joined = existsSync(project.joined) ? readdirSync(project.joined) : [];
  const there = [project.standing, ...joined.map((name) => join(project.joined, name))]
    .map(swarmFolder)
    .filter(({ roster }) => existsSync(roster));
  const clusterId = there[0] && loadRoster(there[0]).clusterId;
  return there.filter((folder) => loadRoster(folder).clusterId === clusterId);
}

function further(best: Survivor | undefined, other: Survivor): Survivor {
  return best === undefined || isBefore(best.state.last, other.state.last) ? other : best;
}

function configurationOf({ entries, snapshot }: OfflineState, roster: Roster): Configuration {
  const latest = entries.findLast(({ kind }) => kind === 'config');
  if (latest !== undefined) return decodeConfiguration(latest.data);
  return snapshot?.meta.configuration ?? bootstrapConfiguration(roster);
}

/** True when whoever is left can elect a leader among themselves: nothing has to be given up. */
export function hasMajority({ configuration, survivors }: Remains): boolean {
  const here = soundOf(survivors);
  const { voters, votersOutgoing } = configuration;
  return [voters, votersOutgoing].every(
    (half) => half.length === 0 || half.filter((id) => here.has(id)).length >= majority(half.length),
  );
}

/** Whoever is damaged has to be sent something before it votes. */
function soundOf(survivors: readonly Survivor[]): ReadonlySet<NodeId> {
  return new Set(survivors.flatMap(({ memberId, state }) => (state.damage === undefined ? [memberId] : [])));
}

/** What the best of them knows: all of its log, also what may never have been committed. */
export async function legacyOfRemains({ best, clusterId }: Remains): Promise<Legacy> {
  const { state, folder, name } = best;
  const machine = new TaskMachine();
  if (state.snapshot !== undefined) {
    const restoration = machine.restore();
    await readSnapshot(state.snapshot, clusterId, (piece) => restoration.add(piece));
    restoration.finish();
  }
  for (const entry of state.entries) if (entry.kind === 'command') machine.apply(entry);
  const blobs = [...machine.namedBlobs()].flatMap((sha256) => {
    const content = readBlobFile(folder.blobs(name), sha256);
    return content === undefined ? [] : [[sha256, content] as const];
  });
  return { machine, last: state.last, blobs: new Map(blobs) };
}
