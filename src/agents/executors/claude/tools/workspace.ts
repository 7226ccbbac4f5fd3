import { existsSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { SwarmError } from '../../../../protocol/errors.ts';

/** A place in the workspace, after all links. */
export interface Place {
  readonly real: string;
  /** Relative to the workspace, with `/`; `.` for itself. */
  readonly inside: string;
}

interface WorkspaceOptions {
  readonly cwd: string;
  /** Folders whose content is nobody's business: a swarm's holds its token. */
  readonly secrets: readonly string[];
  /** Files that decide what this agent may do. */
  readonly fixed: readonly string[];
}

/** A swarm's own folder, wherever it lies: its token lets anybody act for the swarm. */
const SECRET_NAMES: ReadonlySet<string> = new Set(['.raft-manager']);

/**
 * What is written here is run or obeyed later by git, an editor or Claude Code: to write it is to run commands, which an agent
 * without `Bash` may not.
 */
const OBEYED_NAMES: ReadonlySet<string> = new Set([
  ...['.git', '.claude', '.mcp.json', '.claude-plugin', '.vscode', '.idea', '.husky'],
]);

/** The folder that an agent is confined to. Links and `..` are followed first, and judged by where they lead. */
export class Workspace {
  readonly #root: string;
  readonly #options: WorkspaceOptions;

  private constructor(root: string, options: WorkspaceOptions) {
    this.#root = root;
    this.#options = options;
  }

  static async open(options: WorkspaceOptions): Promise<Workspace> {
    return new Workspace(await realpath(options.cwd), options);
  }

  get root(): string {
    return this.#root;
  }

  /** @throws SwarmError BAD_INPUT for what lies outside, is secret, or leads nowhere. */
  async toRead(path: string): Promise<Place> {
    const place = await this.#locate(path);
    if (this.isSecret(place))
      throw new SwarmError('BAD_INPUT', `${path} belongs to the swarm, and is not shown`);
    return place;
  }

  /** What is not there yet is placed by its nearest folder that is. @throws as `toRead`. */
  async toWrite(path: string): Promise<Place> {
    const place = await this.toRead(path);
    const obeyed = namesIn(place).find((name) => OBEYED_NAMES.has(name));
    const isFixed = await this.#isFixed(place);
    if (obeyed === undefined && !isFixed) return place;
    throw new SwarmError(
      'BAD_INPUT',
      `${path} decides what others run (${obeyed ?? 'the definition of this agent'}); only a person may change it`,
    );
  }

  isSecret(place: Place): boolean {
    if (namesIn(place).some((name) => SECRET_NAMES.has(name))) return true;
    return this.#options.secrets.some((folder) => isWithin(resolve(folder), place.real));
  }

  /**
   * As reservations name it: relative to the top of the working tree that it is in, so that one reservation holds for
   * all worktrees of a repository.
   */
  inRepository({ real }: Place): string {
    for (let at = dirname(real); dirname(at) !== at; at = dirname(at)) {
      if (existsSync(join(at, '.git'))) return slashed(relative(at, real));
    }
    return slashed(relative(this.#root, real));
  }

  async #locate(path: string): Promise<Place> {
    if (path.includes('\0')) throw new SwarmError('BAD_INPUT', 'a path cannot hold a NUL character');
    const real = await realPathOf(resolve(this.#root, path));
    if (!isWithin(this.#root, real)) {
      throw new SwarmError('BAD_INPUT', `${path} is outside the workspace ${this.#root}; stay inside it`);
    }
    return { real, inside: slashed(relative(this.#root, real)) || '.' };
  }

  async #isFixed({ real }: Place): Promise<boolean> {
    const fixed = await Promise.all(this.#options.fixed.map((path) => realPathOf(resolve(path))));
    return fixed.includes(real);
  }
}

/** Lower case: some file systems take `.GIT` for the same folder. */
function namesIn({ inside }: Place): readonly string[] {
  return inside.toLowerCase().split('/');
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}

/** Through all links; of what is not there yet, its nearest folder is followed. */
async function realPathOf(path: string): Promise<string> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    if (await isThere(at)) return join(await followed(at), ...missing);
    missing.unshift(basename(at));
  }
}

/** @throws SwarmError BAD_INPUT for a link to nothing: what is written through it would come to lie anywhere. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new SwarmError('BAD_INPUT', `${path} is a link that leads nowhere`);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** ENOTDIR: a file stands where a folder is meant; nothing is below it. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
