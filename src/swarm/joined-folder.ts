import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentDefinition } from '../agents/definition.ts';
import { electionTraits } from '../agents/election-traits.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { DEFAULT_LEASE_MS } from '../protocol/limits.ts';
import { askHealth } from '../transport/client-health.ts';
import { findSwarm } from './discovery.ts';
import { type ProjectFolder, prepareStateFolder, type SwarmFolder, swarmFolder } from './layout.ts';
import { isRemoved } from './removal.ts';
import { createSwarm, loadRoster, loadToken, type Roster, updateRoster, updateToken } from './roster.ts';
import { isSecured, readBundle, writeBundle } from './security-folder.ts';
import { whereaboutsIn } from './whereabouts.ts';

/** How an instance wants to join a swarm. */
export interface JoinPlan {
  readonly name: NodeId;
  /** Addresses of nodes; none: the swarm of this project. */
  readonly seeds: readonly string[];
  /** The swarm's secret; absent: that of this project's swarm. */
  readonly token?: string;
  /** Where it is to listen; absent: as before, at first on loopback and any free port. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** What the others are told instead: a host, with a port if it is another one; absent: as before. */
  readonly advertised?: string;
  readonly voter: boolean;
  readonly requireHooks: boolean;
  /** Who does the work; what is absent stays as before, at first a shell does it. */
  readonly work?: Partial<Pick<Roster, 'executor' | 'model' | 'maxTurns'>>;
}

export interface JoinedFolderOptions extends JoinPlan {
  readonly definition: AgentDefinition;
  readonly project: ProjectFolder;
  /** Which swarm that is, for one who knows it; it has come with a certificate, and has no secret of others. */
  readonly swarm?: JoinedSwarm;
}

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const HEALTH_TIMEOUT_MS = 5_000;

/**
 * Makes ready the folder of an instance that joins a swarm which runs already, or has joined it before.
 *
 * @throws SwarmError NOT_RUNNING when no node answers; UNAUTHORIZED without a token; DATA_FOREIGN when the nodes that are
 *   named belong to another swarm than the folder.
 */
export async function prepareJoinedFolder(options: JoinedFolderOptions): Promise<SwarmFolder> {
  const { name, project } = options;
  const folder = joinedFolder(project, name);
  // What it kept belongs to a member that is none any more: it comes as a new one.
  if (isRemoved(folder, name)) rmSync(folder.nodeFolder(name), { recursive: true });
  if (existsSync(folder.roster)) {
    await refreshJoinedFolder(folder, options);
  } else {
    prepareStateFolder(project.state);
    await foundJoinedFolder(folder.root, options);
  }
  return folder;
}

/** Where an instance that joins lies. */
export function joinedFolder(project: ProjectFolder, name: NodeId): SwarmFolder {
  return swarmFolder(join(project.joined, name));
}

/**
 * Lays out the folder of an instance that joins a swarm which runs already: asks one of its nodes which swarm
 * that is, and keeps what it takes to come back.
 *
 * @throws SwarmError NOT_RUNNING when no node answers; UNAUTHORIZED without a token.
 */
async function foundJoinedFolder(root: string, options: JoinedFolderOptions): Promise<void> {
  const { advertised, name, definition, project, listen = LOOPBACK, voter, requireHooks } = options;
  const seeds = options.seeds.length > 0 ? options.seeds : seedsOf(findSwarm(project));
  const swarm = options.swarm ?? (await askSwarm(seeds, bundleNear(project)));
  const beside = besideOf(project, swarm.clusterId);
  const roster: Roster = {
    format: 1,
    name: swarm.name,
    clusterId: swarm.clusterId,
    createdAt: new Date().toISOString(),
    workspace: project.project,
    executor: 'command',
    ...options.work,
    requireHooks,
    leaseMs: DEFAULT_LEASE_MS,
    nodes: [
      {
        id: name,
        agent: definition.name,
        agentFile: definition.source.path,
        voter,
        port: listen.port,
        ...(advertised === undefined ? {} : { advertised }),
        ...electionTraits(definition),
      },
    ],
    seeds: [...seeds],
    ...(beside === undefined ? {} : { beside: beside.root }),
    host: listen.host,
  };
  if (options.swarm !== undefined) {
    createSwarm(root, roster);
    return;
  }
  const folder = createSwarm(root, roster, options.token ?? tokenHere(project, swarm.clusterId));
  takeOverTrust(folder, beside);
}

/** Whom the swarm on this machine believes, its instances believe. */
function takeOverTrust(folder: SwarmFolder, beside: SwarmFolder | undefined): void {
  if (beside !== undefined && isSecured(beside)) writeBundle(folder, readBundle(beside));
}

/**
 * Takes over what is said anew of an instance that has joined before: where it listens, where the others are, as
 * what it works.
 *
 * @throws SwarmError DATA_FOREIGN when the nodes that are named belong to another swarm.
 */
async function refreshJoinedFolder(folder: SwarmFolder, options: JoinedFolderOptions): Promise<void> {
  const { advertised, definition, listen, project, requireHooks, seeds, token, voter, work } = options;
  const before = loadRoster(folder);
  if (seeds.length > 0)
    await checkSameSwarm(options, before.clusterId, isSecured(folder) ? readBundle(folder) : undefined);
  const beside = besideOf(project, before.clusterId);
  const near = beside === undefined ? [] : seedsOf(beside);
  const latest = [seeds, near, before.seeds ?? []].find((urls) => urls.length > 0) ?? [];
  const nodes = before.nodes.map((node) => ({
    ...node,
    ...electionTraits(definition),
    agent: definition.name,
    agentFile: definition.source.path,
    voter,
    port: listen?.port ?? node.port,
    ...(advertised === undefined ? {} : { advertised }),
  }));
  const host = listen?.host ?? before.host ?? LOOPBACK.host;
  const where = { seeds: [...latest], host, ...(beside === undefined ? {} : { beside: beside.root }) };
  updateRoster(folder, { ...before, ...work, nodes, requireHooks, ...where });
  if (token !== undefined && options.swarm === undefined) updateToken(folder, token);
  takeOverTrust(folder, beside);
}

/** Where nobody answers there is nothing to compare: it waits for the others as it would after any start. */
async function checkSameSwarm(
  { seeds, name, swarm: known }: JoinedFolderOptions,
  clusterId: string,
  ca: string | undefined,
): Promise<void> {
  let swarm: JoinedSwarm;
  try {
    swarm = known ?? (await askSwarm(seeds, ca));
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return;
    throw error;
  }
  if (swarm.clusterId === clusterId) return;
  throw new SwarmError(
    'DATA_FOREIGN',
    `${name} of this state folder belongs to another swarm than ${seeds.join(', ')}; choose another --name or --dir`,
  );
}

function seedsOf(folder: SwarmFolder): readonly string[] {
  return whereaboutsIn(folder).map(({ url }) => url);
}

/** The secret of this project's swarm, if that is the one to be joined. */
function tokenHere(project: ProjectFolder, clusterId: string): string {
  const folder = besideOf(project, clusterId);
  if (folder !== undefined) return loadToken(folder);
  throw new SwarmError(
    'UNAUTHORIZED',
    'joining takes the token of the swarm: copy the file "token" from its folder, and name it with --token-file',
  );
}

/** This project's swarm, if it is the one of which the instance is. */
function besideOf(project: ProjectFolder, clusterId: string): SwarmFolder | undefined {
  try {
    const folder = findSwarm(project);
    return loadRoster(folder).clusterId === clusterId ? folder : undefined;
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

interface JoinedSwarm {
  readonly name: string;
  readonly clusterId: string;
}

/** The authorities that this project's swarm trusts. */
function bundleNear(project: ProjectFolder): string | undefined {
  try {
    const folder = findSwarm(project);
    return isSecured(folder) ? readBundle(folder) : undefined;
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** Asks the nodes in turn; one answer is enough. */
async function askSwarm(seeds: readonly string[], ca: string | undefined): Promise<JoinedSwarm> {
  let reason = 'it has published no address';
  for (const url of seeds) {
    if (url.startsWith('wss:') && ca === undefined) {
      throw new SwarmError(
        'UNAUTHORIZED',
        `${url} speaks TLS: joining takes a token that "raft-manager security token" prints there; say it with --token`,
      );
    }
    try {
      const { clusterId, swarm } = await askHealth(url, { ca, timeoutMs: HEALTH_TIMEOUT_MS });
      if (typeof clusterId === 'string' && typeof swarm === 'string') return { clusterId, name: swarm };
      reason = `${url} is no node of a swarm of this release`;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  throw new SwarmError('NOT_RUNNING', `no node of the swarm to be joined answers (${reason})`);
}
