import { z } from 'zod';
import { type FileAccess, placeToWrite } from './file-access.ts';
import { readIfThere, replaceText } from './text-file.ts';
import { type AgentTool, defineTool } from './tool.ts';

const MAX_CONTENT_CHARS = 1024 * 1024;

export function writeTool(access: FileAccess): AgentTool {
  return defineTool({
    name: 'Write',
    description:
      'Writes a whole text file of the workspace; folders are made as needed. A file that is there already must have been read before. Prefer Edit for changes.',
    input: z.object({
      file_path: z.string().describe('absolute, or relative to the workspace'),
      content: z.string().max(MAX_CONTENT_CHARS),
    }),
    async run({ file_path, content }, { signal }) {
      const place = await placeToWrite(access, 'Write', file_path);
      const before = await readIfThere(place);
      if (before !== undefined) access.seen.check(place.inside, before);
      signal.throwIfAborted();
      access.seen.note(place.inside, await replaceText(place, content));
      return before === undefined ? `created ${place.inside}` : `wrote ${place.inside}`;
    },
  });
}
