import { execFileSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import { isCode, isMissing, writeWhole } from '../../swarm/files.ts';
import type { Change } from './plan.ts';

const FILE_MODE = 0o644;
export const SCRIPT_MODE = 0o755;

/** The top of the working tree around `folder`; the folder itself where there is no git. */
export function topOf(folder: string): string {
  return git(folder, ['rev-parse', '--show-toplevel']) ?? folder;
}

/**
 * Where git looks for the repository's pre-commit hook.
 *
 * @throws SwarmError BAD_INPUT without a repository, or when all repositories share their hooks.
 */
export function preCommitOf(top: string): string {
  const common = git(top, ['rev-parse', '--path-format=absolute', '--git-common-dir']);
  const hooks = git(top, ['rev-parse', '--git-path', 'hooks']);
  if (common === undefined || hooks === undefined) {
    throw new SwarmError(
      'BAD_INPUT',
      `${top} is no git repository: --pre-commit has nothing to add the guard to`,
    );
  }
  const folder = resolve(top, hooks);
  if (isWithin(top, folder) || isWithin(common, folder)) return join(folder, 'pre-commit');
  const hint = 'add "raft-manager guard --staged" to the hook there yourself, if all of them shall have it';
  throw new SwarmError(
    'BAD_INPUT',
    `core.hooksPath names ${folder}, which other repositories may use, too; ${hint}`,
  );
}

/** The text of a file; undefined when there is none. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A change of a file. */
export interface FileChange extends Change {
  /** Of a new file; one that is there keeps its own. */
  readonly mode?: number;
}

/**
 * Carries out all changes, by absolute paths and in one of the folders `within`, or none.
 *
 * @throws SwarmError BAD_INPUT for a file that must not be written; whatever the file system refuses.
 */
export function applyAll(changes: readonly FileChange[], within: readonly string[]): void {
  for (const { path } of changes) checkWritable(path, within);
  const done: FileChange[] = [];
  try {
    for (const change of changes) {
      done.push(change);
      write(change);
    }
  } catch (error) {
    for (const { path, before, mode } of done.reverse()) {
      write({ path, before: undefined, after: before, ...(mode === undefined ? {} : { mode }) });
    }
    throw error;
  }
}

/** Folders that were made for files which are gone now. */
export function removeEmptyFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isMissing(error) && !isCode(error, 'ENOTEMPTY') && !isCode(error, 'ENOTDIR')) throw error;
    }
  }
}

function write({ path, after, mode }: FileChange): void {
  if (after === undefined) return rmSync(path, { force: true });
  const real = existsSync(path) ? realpathSync(path) : path;
  // As any folder in a repository, not as those of a swarm, which are its owner's alone.
  mkdirSync(dirname(real), { recursive: true });
  const known = existsSync(real) ? statSync(real).mode & 0o777 : FILE_MODE;
  writeWhole(real, after, mode === undefined ? known : known | mode);
}

/** A link is followed as far as the repository goes. */
function checkWritable(path: string, within: readonly string[]): void {
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  const real = realpathSync(there);
  if (!within.some((folder) => isWithin(realpathSync(folder), real))) {
    throw new SwarmError('BAD_INPUT', `${path} leads out of the repository, to ${real}. Nothing was written`);
  }
  accessSync(real, constants.W_OK);
}

function isWithin(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/** What git says; undefined when there is no repository, or no git. */
function git(cwd: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', [...args], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
