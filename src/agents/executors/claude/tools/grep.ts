import { z } from 'zod';
import { SwarmError } from '../../../../protocol/errors.ts';
import { clip } from '../../../../tasks/clip.ts';
import type { FileAccess } from './file-access.ts';
import { folderToSearch, INCOMPLETE } from './glob.ts';
import { type Found, LineSearch } from './line-search.ts';
import { readText } from './text-file.ts';
import { type AgentTool, defineTool } from './tool.ts';
import { filesBelow, isClosed } from './walk.ts';
import { matchesPath } from './wildcard.ts';
import { isMissing, type Place } from './workspace.ts';

const DEFAULT_LINES = 250;
const MAX_LINE_CHARS = 500;
/** Larger files are data. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** Of one file, whatever is shown of it. */
const MAX_FOUND = 10_000;
/** Of one search. */
const PATIENCE_MS = 20_000;

const EXTENSIONS: Readonly<Record<string, readonly string[]>> = {
  js: ['js', 'mjs', 'cjs', 'jsx'],
  ts: ['ts', 'mts', 'cts', 'tsx'],
  py: ['py', 'pyi'],
  rust: ['rs'],
  ruby: ['rb'],
  c: ['c', 'h'],
  cpp: ['cc', 'cpp', 'cxx', 'h', 'hh', 'hpp'],
  md: ['md', 'markdown'],
  yaml: ['yaml', 'yml'],
  sh: ['sh', 'bash', 'zsh'],
};

const input = z.object({
  pattern: z.string().min(1).max(2_000).describe("one of JavaScript's regular expressions"),
  path: z.string().optional().describe('file or folder; default: the workspace'),
  glob: z.string().max(1_000).optional().describe('only files such as *.ts or src/**/*.md'),
  type: z.string().max(40).optional().describe('only files of a language, such as ts or py'),
  output_mode: z.enum(['content', 'files_with_matches', 'count']).optional(),
  '-i': z.boolean().optional().describe('whatever the case'),
  '-n': z.boolean().optional().describe('with line numbers; default true'),
  '-A': z.int().min(0).max(100).optional().describe('lines after each'),
  '-B': z.int().min(0).max(100).optional().describe('lines before each'),
  '-C': z.int().min(0).max(100).optional().describe('lines around each'),
  multiline: z.boolean().optional().describe('across ends of lines'),
  head_limit: z.int().min(0).optional().describe('lines to show; default 250'),
  offset: z.int().min(0).optional().describe('lines to leave out first'),
});

type Input = z.output<typeof input>;

export function grepTool(access: FileAccess): AgentTool {
  return defineTool({
    name: 'Grep',
    description:
      'Searches the text files of the workspace. output_mode: files_with_matches (default), content, or count. .git and node_modules are left out unless path names them.',
    input,
    async run(wanted, { signal }) {
      const from = await folderToSearch(access, 'Grep', wanted.path ?? '.');
      const { files, isComplete } = await filesBelow(access.workspace, from, signal);
      const candidates = files.filter(
        ({ inside }) => access.permissions.allowsPath('Grep', inside) && isWanted(inside, wanted),
      );
      const { lines, remarks } = await searchAll(candidates, wanted, signal);
      if (lines.length === 0) return ['nothing found', ...remarks].join('\n');
      return [...page(lines, wanted), ...remarks, ...(isComplete ? [] : [INCOMPLETE])].join('\n');
    },
  });
}

function isWanted(path: string, { glob, type }: Input): boolean {
  // As elsewhere: a pattern without a folder means files of that name anywhere.
  const isOfGlob = glob === undefined || matchesPath(glob.includes('/') ? glob : `**/${glob}`, path);
  if (!isOfGlob || type === undefined) return isOfGlob;
  return (EXTENSIONS[type] ?? [type]).some((extension) => path.endsWith(`.${extension}`));
}

interface Searched {
  readonly lines: readonly string[];
  readonly remarks: readonly string[];
}

async function searchAll(files: readonly Place[], wanted: Input, signal: AbortSignal): Promise<Searched> {
  const { pattern, multiline = false } = wanted;
  const mode = multiline ? 'text' : 'lines';
  const search = new LineSearch(pattern, { ignoreCase: wanted['-i'] ?? false, mode });
  const until = performance.now() + PATIENCE_MS;
  const lines: string[] = [];
  const slow: string[] = [];
  for (const [index, place] of files.entries()) {
    signal.throwIfAborted();
    if (performance.now() > until) {
      return { lines, remarks: [`[stopped after ${index} of ${files.length} files; name a folder in path]`] };
    }
    const text = await textOf(place);
    const found = text === undefined ? [] : search.find(text, MAX_FOUND);
    if (found === undefined) slow.push(place.inside);
    else if (found.length > 0 && text !== undefined) lines.push(...shown(place, { text, found }, wanted));
  }
  const remark = `[the expression takes too long on ${slow.slice(0, 5).join(', ')}; write a simpler one]`;
  return { lines, remarks: slow.length === 0 ? [] : [remark] };
}

/** Undefined for what is no text, too large, gone or closed to us: a search goes on without it. */
async function textOf(place: Place): Promise<string | undefined> {
  try {
    return (await readText(place, MAX_FILE_BYTES)).text;
  } catch (error) {
    if (error instanceof SwarmError || isMissing(error) || isClosed(error)) return undefined;
    throw error;
  }
}

interface Matches {
  readonly text: string;
  readonly found: readonly Found[];
}

function shown({ inside }: Place, { text, found }: Matches, wanted: Input): readonly string[] {
  switch (wanted.output_mode ?? 'files_with_matches') {
    case 'files_with_matches':
      return [inside];
    case 'count':
      return [`${inside}:${found.length}`];
    case 'content':
      return content(inside, { text, found }, wanted);
  }
}

/** `path:12:what was found`, `path-13-what stands beside it`. */
function content(path: string, { text, found }: Matches, wanted: Input): readonly string[] {
  const before = wanted['-B'] ?? wanted['-C'] ?? 0;
  const after = wanted['-A'] ?? wanted['-C'] ?? 0;
  const lines = text.split(/\r?\n/);
  const hits = new Set(found.flatMap(({ from, to }) => range(from, to)));
  const visible = new Set(
    found.flatMap(({ from, to }) =>
      range(Math.max(0, from - before), Math.min(lines.length - 1, to + after)),
    ),
  );
  return [...visible]
    .sort((a, b) => a - b)
    .map((line) => {
      const mark = hits.has(line) ? ':' : '-';
      const place = wanted['-n'] === false ? `${path}${mark}` : `${path}${mark}${line + 1}${mark}`;
      return `${place}${clip(lines[line] ?? '', MAX_LINE_CHARS)}`;
    });
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function page(lines: readonly string[], { head_limit, offset = 0 }: Input): readonly string[] {
  const limit = head_limit === undefined || head_limit === 0 ? DEFAULT_LINES : head_limit;
  const some = lines.slice(offset, offset + limit);
  const left = lines.length - offset - some.length;
  return left > 0 ? [...some, `[${left} more; go on with offset ${offset + some.length}]`] : some;
}
