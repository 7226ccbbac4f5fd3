import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_SCAN_DEPTH, MAX_SCAN_ENTRIES } from '../protocol/limits.ts';
import type { Diagnostic } from './diagnostic.ts';

/** The agent files below one path, and what was passed over. */
export interface FolderScan {
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Walk {
  readonly files: string[];
  readonly diagnostics: Diagnostic[];
  entries: number;
}

/**
 * `*.md` files at or below `path`, in the order of their names. Links to files are followed, links to
 * folders are not, so that a scan stays where it was sent and ends.
 *
 * @returns `undefined` when there is nothing at `path`.
 * @throws SwarmError BAD_INPUT when `path` cannot be looked at.
 */
export async function findAgentFiles(path: string): Promise<FolderScan | undefined> {
  const kind = await kindOf(path);
  if (kind === 'missing') return undefined;
  if (kind === 'file') return { files: [path], diagnostics: [] };
  const walk: Walk = { files: [], diagnostics: [], entries: 0 };
  await walkFolder(walk, path, 1);
  return walk;
}

async function walkFolder(walk: Walk, folder: string, depth: number): Promise<void> {
  const entries = await entriesOf(walk, folder);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    walk.entries += 1;
    if (walk.entries === MAX_SCAN_ENTRIES + 1) {
      walk.diagnostics.push(scanLimit(path, `${MAX_SCAN_ENTRIES} files and folders were looked at`));
    }
    if (walk.entries > MAX_SCAN_ENTRIES) return;
    if (entry.isDirectory()) {
      if (depth < MAX_SCAN_DEPTH) await walkFolder(walk, path, depth + 1);
      else walk.diagnostics.push(scanLimit(path, `folders are followed ${MAX_SCAN_DEPTH} deep`));
    } else if (entry.isSymbolicLink()) await seeLink(walk, path);
    else if (entry.isFile() && path.endsWith('.md')) walk.files.push(path);
  }
}

async function entriesOf(walk: Walk, folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    walk.diagnostics.push(unreadable(folder, error));
    return [];
  }
}

async function seeLink(walk: Walk, path: string): Promise<void> {
  try {
    const target = await stat(path);
    if (target.isFile() && path.endsWith('.md')) walk.files.push(path);
    if (target.isDirectory()) walk.diagnostics.push(linkSkipped(path));
  } catch (error) {
    if (path.endsWith('.md')) walk.diagnostics.push(unreadable(path, error));
  }
}

async function kindOf(path: string): Promise<'missing' | 'file' | 'folder'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
    throw new SwarmError('BAD_INPUT', `cannot look at ${path}: ${reasonOf(error)}`, { path });
  }
}

/** A file that is there but cannot be read: said, and the scan goes on. */
export function unreadable(file: string, error: unknown): Diagnostic {
  return about(file, {
    severity: 'error',
    code: 'unreadable',
    message: `cannot be read: ${reasonOf(error)}`,
    hint: 'check its permissions',
  });
}

/** The scan stops short: said, because an agent that is not found otherwise looks like a typing error. */
export function scanLimit(file: string, bound: string): Diagnostic {
  return about(file, {
    severity: 'warning',
    code: 'scan-limit',
    message: `${bound}; what comes here and later was not read`,
    hint: 'name a smaller folder',
  });
}

function linkSkipped(file: string): Diagnostic {
  return about(file, {
    severity: 'info',
    code: 'symlink-skipped',
    message: 'a link to a folder is not followed',
    hint: 'name the folder itself if its agents are wanted',
  });
}

/** A remark about a file as a whole. */
function about(file: string, remark: Omit<Diagnostic, 'file' | 'line' | 'column'>): Diagnostic {
  return { file, line: 1, column: 1, ...remark };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
