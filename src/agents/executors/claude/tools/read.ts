import { z } from 'zod';
import { clip } from '../../../../tasks/clip.ts';
import { type FileAccess, placeToRead } from './file-access.ts';
import { readText } from './text-file.ts';
import { type AgentTool, defineTool } from './tool.ts';

const DEFAULT_LINES = 2_000;
const MAX_LINE_CHARS = 2_000;
/** Of one call; what is left is a matter of the next one. */
const MAX_CHARS = 50_000;

export function readTool(access: FileAccess): AgentTool {
  return defineTool({
    name: 'Read',
    description:
      'Reads a text file of the workspace, with line numbers. At most 2000 lines at a time: use offset and limit for more.',
    input: z.object({
      file_path: z.string().describe('absolute, or relative to the workspace'),
      offset: z.int().min(1).optional().describe('the first line, from 1'),
      limit: z.int().min(1).optional().describe('how many lines'),
    }),
    async run({ file_path, offset = 1, limit = DEFAULT_LINES }) {
      const place = await placeToRead(access, 'Read', file_path);
      const { text, sha256 } = await readText(place);
      access.seen.note(place.inside, sha256);
      return text === ''
        ? `${place.inside} is empty`
        : numbered(text, offset, Math.min(limit, DEFAULT_LINES));
    },
  });
}

function numbered(text: string, offset: number, limit: number): string {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const shown: string[] = [];
  let chars = 0;
  for (const line of lines.slice(offset - 1, offset - 1 + limit)) {
    const cut = line.length > MAX_LINE_CHARS ? `${clip(line, MAX_LINE_CHARS)}…` : line;
    chars += cut.length;
    if (chars > MAX_CHARS && shown.length > 0) break;
    shown.push(`${String(offset + shown.length).padStart(6)}\t${cut}`);
  }
  const next = offset + shown.length;
  if (shown.length === 0) return `there are ${lines.length} lines, and line ${offset} is behind them`;
  if (next > lines.length) return shown.join('\n');
  return `${shown.join('\n')}\n[lines ${offset} to ${next - 1} of ${lines.length}; go on with offset ${next}]`;
}
