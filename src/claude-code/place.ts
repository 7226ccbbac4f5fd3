import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { locateProject, type ProjectFolder, type SwarmFolder, swarmFolder } from '../swarm/layout.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The project of a session. Worktrees are followed by reading what git reads, because starting git takes a hook longer
 * than asking the swarm; whatever looks unusual is left to git.
 */
export function findProject(cwd: string, environment: Environment): ProjectFolder {
  const { RAFT_MANAGER_DIR: named, CLAUDE_PROJECT_DIR = cwd, GIT_DIR, GIT_COMMON_DIR } = environment;
  const at = resolve(CLAUDE_PROJECT_DIR);
  if (named !== undefined || GIT_DIR !== undefined || GIT_COMMON_DIR !== undefined) {
    return locateProject(undefined, environment, at);
  }
  const top = repositoryAround(at);
  if (top === undefined) return locateProject(join(at, '.raft-manager'), environment, at);
  const common = commonFolder(join(top, '.git'));
  if (common === undefined) return locateProject(undefined, environment, at);
  return locateProject(join(dirname(common), '.raft-manager'), environment, at);
}

/** The nearest folder upwards that git takes for the top of a working tree. */
function repositoryAround(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** What all worktrees of a repository share; undefined when `.git` says something that is not for us to read. */
function commonFolder(dotGit: string): string | undefined {
  if (statSync(dotGit).isDirectory()) return realpathSync(dotGit);
  const gitDir = /^gitdir: (.+)$/m.exec(readFileSync(dotGit, 'utf8'))?.[1];
  if (gitDir === undefined) return undefined;
  const own = resolve(dirname(dotGit), gitDir);
  const pointer = join(own, 'commondir');
  return existsSync(pointer) ? realpathSync(resolve(own, readFileSync(pointer, 'utf8').trim())) : undefined;
}

/**
 * Where a file lies in its repository, as reservations name it: relative to the top of the working tree that it is in,
 * so that one reservation holds for all worktrees. Undefined for what is in none.
 */
export function pathInRepository(path: string, project: string): string | undefined {
  const real = realPathOf(path);
  const top = repositoryAround(dirname(real)) ?? realPathOf(project);
  const inside = relative(top, real);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`)) return undefined;
  return inside.split(sep).join('/');
}

/** Through all links; of a file that is not there yet, its folder is. */
function realPathOf(path: string): string {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at)) return join(realpathSync(at), ...missing);
    missing.unshift(basename(at));
    if (dirname(at) === at) return path;
  }
}

/** Swarms that commands in the project may speak of, the likeliest first. */
export function swarmsOf(project: ProjectFolder): readonly SwarmFolder[] {
  if (project.named !== undefined) return [swarmFolder(project.named)];
  const runs = existsSync(project.runs) ? readdirSync(project.runs).sort().reverse() : [];
  const folders = [project.standing, ...runs.map((name) => join(project.runs, name))].map(swarmFolder);
  return folders.filter(({ roster }) => existsSync(roster));
}
