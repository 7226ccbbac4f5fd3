import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';

/** Where things lie in the folder of one swarm. */
export interface SwarmFolder {
  readonly root: string;
  readonly roster: string;
  readonly token: string;
  readonly supervisor: string;
  /** Certificates and keys; there when the instances speak TLS. */
  readonly security: string;
  nodeFolder(id: NodeId): string;
  wal(id: NodeId): string;
  /** Contents beside the log. */
  blobs(id: NodeId): string;
  /** Documents that are shared outside the log. */
  documents(id: NodeId): string;
  endpoint(id: NodeId): string;
  identity(id: NodeId): string;
  /** Under which id it was a member last; not among its data, which may be lost. */
  incarnation(id: NodeId): string;
  addresses(id: NodeId): string;
  /** There while the instance is no member any more: nobody starts it then. */
  removed(id: NodeId): string;
  /** There while it must not come up: what it holds differs from what the others hold. */
  quarantined(id: NodeId): string;
  nodeLog(id: NodeId): string;
}

export function swarmFolder(root: string): SwarmFolder {
  const nodeFolder = (id: NodeId): string => join(root, 'nodes', id);
  return {
    root,
    roster: join(root, 'swarm.json'),
    token: join(root, 'token'),
    supervisor: join(root, 'supervisor'),
    security: join(root, 'security'),
    nodeFolder,
    wal: (id) => join(nodeFolder(id), 'wal'),
    blobs: (id) => join(nodeFolder(id), 'blobs'),
    documents: (id) => join(nodeFolder(id), 'crdt'),
    endpoint: (id) => join(nodeFolder(id), 'endpoint.json'),
    identity: (id) => join(nodeFolder(id), 'identity.json'),
    incarnation: (id) => join(root, 'incarnations', id),
    addresses: (id) => join(nodeFolder(id), 'addresses.json'),
    quarantined: (id) => join(nodeFolder(id), 'quarantined'),
    removed: (id) => join(nodeFolder(id), 'removed'),
    nodeLog: (id) => join(nodeFolder(id), 'node.log'),
  };
}

/** State of one project: its standing swarm, and one folder a run. */
export interface ProjectFolder {
  /** Where tasks run. */
  readonly project: string;
  readonly state: string;
  readonly standing: string;
  readonly runs: string;
  /** Instances here that joined swarms that live elsewhere, one folder each. */
  readonly joined: string;
  /** The one that was named, where it was not the state folder that was named but one swarm in it. */
  readonly named: string | undefined;
}

/**
 * Finds the project's state folder: `--dir`, else `RAFT_MANAGER_DIR`, else `.raft-manager` beside git's
 * common folder, so that all worktrees of one repository share one swarm; else in the current folder.
 * The folder of one swarm may be named, too: its processes tell it to the work that they start.
 */
export function locateProject(
  dir: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  cwd: string,
): ProjectFolder {
  const explicit = dir ?? environment.RAFT_MANAGER_DIR;
  const place =
    explicit === undefined ? join(repositoryOf(cwd) ?? cwd, '.raft-manager') : resolve(cwd, explicit);
  const isSwarm = existsSync(swarmFolder(place).roster);
  const state = isSwarm ? stateAround(place) : place;
  return {
    project: cwd,
    state,
    standing: join(state, 'swarm'),
    runs: join(state, 'runs'),
    joined: join(state, 'joined'),
    named: isSwarm ? place : undefined,
  };
}

/** `…/swarm`, `…/runs/NAME` and `…/joined/NAME` lie in `…`. */
function stateAround(swarm: string): string {
  const around = dirname(swarm);
  return ['runs', 'joined'].includes(basename(around)) ? dirname(around) : around;
}

function repositoryOf(cwd: string): string | undefined {
  try {
    const common = execFileSync('git', ['rev-parse', '--path-format=absolute', '--git-common-dir'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return dirname(realpathSync(common.trim()));
  } catch {
    // No git, or no repository here: the current folder is the project then.
    return undefined;
  }
}

/**
 * Makes the state folder: for its owner only, and ignored by git through a file of its own.
 *
 * @throws SwarmError BAD_INPUT when the folder cannot be made.
 */
export function prepareStateFolder(state: string): void {
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    writeFileSync(join(state, '.gitignore'), '*\n');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError(
      'BAD_INPUT',
      `cannot write to the state folder ${state}: ${reason}${ownerOf(state)}. Choose another with --dir`,
    );
  }
}

/** Whose a folder is that this user may not use; nothing where that is not the matter. */
function ownerOf(folder: string): string {
  try {
    const uid = statSync(folder, { throwIfNoEntry: false })?.uid;
    if (uid === undefined || uid === process.getuid?.()) return '';
    return `; it belongs to user ${uid}: run as that one, or give it to this one (chown -R)`;
  } catch (error) {
    // A folder above it is closed to this user: what was refused names it.
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return '';
  }
}
