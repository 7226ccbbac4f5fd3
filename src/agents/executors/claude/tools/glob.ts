import { stat } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { z } from 'zod';
import { type FileAccess, placeToRead } from './file-access.ts';
import { type AgentTool, defineTool } from './tool.ts';
import { filesBelow } from './walk.ts';
import { matchesPath } from './wildcard.ts';
import { isMissing, type Place, type Workspace } from './workspace.ts';

const MAX_FILES = 100;

export function globTool(access: FileAccess): AgentTool {
  return defineTool({
    name: 'Glob',
    description:
      'Finds files of the workspace by a pattern such as src/**/*.ts, those changed last first, at most 100. .git and node_modules are left out unless path names them.',
    input: z.object({
      pattern: z.string().min(1).max(1_000),
      path: z.string().optional().describe('the folder to search; default: the workspace'),
    }),
    async run({ pattern, path = '.' }, { signal }) {
      const from = await folderToSearch(access, 'Glob', path);
      const { files, isComplete } = await filesBelow(access.workspace, from, signal);
      const wanted = withinSearch(pattern, access.workspace, from);
      const found = files.filter(
        ({ inside, real }) =>
          access.permissions.allowsPath('Glob', inside) && matchesPath(wanted, relative(from.real, real)),
      );
      const sorted = await byLastChange(found);
      const shown = sorted.slice(0, MAX_FILES).map(({ inside }) => inside);
      if (shown.length === 0) return 'no file matches';
      const left = sorted.length - shown.length;
      const more = left > 0 ? [`[${left} more are not shown]`] : [];
      return [...shown, ...more, ...(isComplete ? [] : [INCOMPLETE])].join('\n');
    },
  });
}

export const INCOMPLETE = '[there is more than one search looks at; name a folder in path]';

/** A search may begin in any folder; which of the files in it may be shown is decided one by one. */
export function folderToSearch(access: FileAccess, tool: string, path: string): Promise<Place> {
  const isWhole = access.permissions.grantOf(tool).kind === 'some';
  return isWhole ? access.workspace.toRead(path) : placeToRead(access, tool, path);
}

/** Models like to write patterns with the whole path in front. */
function withinSearch(pattern: string, { root }: Workspace, from: Place): string {
  if (!isAbsolute(pattern)) return pattern;
  const prefix = [from.real, root].find((folder) => pattern.startsWith(`${folder}/`));
  return prefix === undefined ? pattern : pattern.slice(prefix.length + 1);
}

async function byLastChange(files: readonly Place[]): Promise<readonly Place[]> {
  const dated = await Promise.all(files.map(async (place) => ({ place, at: await changedAt(place) })));
  return dated
    .sort((a, b) => b.at - a.at || (a.place.inside < b.place.inside ? -1 : 1))
    .map(({ place }) => place);
}

async function changedAt({ real }: Place): Promise<number> {
  try {
    return (await stat(real)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
