import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, type Place, type Workspace } from './workspace.ts';

/** What one search looks at: a workspace may be a whole disk. */
const MAX_ENTRIES = 100_000;

/** Folders that are searched only when they are asked for by name: what is in them is not the project's own. */
const SKIPPED: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/** Also says whether everything was looked at. */
export interface Walk {
  readonly files: readonly Place[];
  readonly isComplete: boolean;
}

/** All regular files below a place, or the place itself. Links are not followed: they may lead out, or round. */
export async function filesBelow(workspace: Workspace, from: Place, signal: AbortSignal): Promise<Walk> {
  if (!(await lstat(from.real)).isDirectory()) return { files: [from], isComplete: true };
  const files: Place[] = [];
  const open: Place[] = [from];
  let entries = 0;
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    signal.throwIfAborted();
    const found = await listOf(folder);
    entries += found.length;
    if (entries > MAX_ENTRIES) return { files, isComplete: false };
    for (const { place, kind } of found) {
      if (workspace.isSecret(place)) continue;
      (kind === 'file' ? files : open).push(place);
    }
  }
  return { files, isComplete: true };
}

interface Entry {
  readonly place: Place;
  readonly kind: 'file' | 'folder';
}

/** Sorted, so that a search finds the same again. Empty for a folder that is gone by now, or closed to us. */
async function listOf(folder: Place): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  try {
    for await (const entry of await opendir(folder.real)) {
      const place = placeIn(folder, entry.name);
      if (entry.isFile()) found.push({ place, kind: 'file' });
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) found.push({ place, kind: 'folder' });
    }
  } catch (error) {
    if (!isMissing(error) && !isClosed(error)) throw error;
  }
  return found.sort((a, b) => (a.place.inside < b.place.inside ? -1 : 1));
}

function placeIn({ real, inside }: Place, name: string): Place {
  return { real: join(real, name), inside: inside === '.' ? name : `${inside}/${name}` };
}

export function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}
