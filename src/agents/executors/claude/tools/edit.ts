import { z } from 'zod';
import { SwarmError } from '../../../../protocol/errors.ts';
import { type FileAccess, placeToWrite } from './file-access.ts';
import { readText, replaceText } from './text-file.ts';
import { type AgentTool, defineTool } from './tool.ts';

export function editTool(access: FileAccess): AgentTool {
  return defineTool({
    name: 'Edit',
    description:
      'Replaces text in a file of the workspace that was read before. old_string must be there exactly, and once unless replace_all is true.',
    input: z.object({
      file_path: z.string().describe('absolute, or relative to the workspace'),
      old_string: z.string().min(1).describe('without the line numbers of Read'),
      new_string: z.string(),
      replace_all: z.boolean().optional(),
    }),
    async run({ file_path, old_string, new_string, replace_all }, { signal }) {
      const place = await placeToWrite(access, 'Edit', file_path);
      const before = await readText(place);
      access.seen.check(place.inside, before);
      const [from, to] = inLineEndsOf(before.text, old_string, new_string);
      const pieces = before.text.split(from);
      checkCount(pieces.length - 1, place.inside, replace_all === true ? 'all' : 'one');
      if (from === to) throw new SwarmError('BAD_INPUT', 'old_string and new_string are the same');
      signal.throwIfAborted();
      access.seen.note(place.inside, await replaceText(place, pieces.join(to)));
      return `replaced ${pieces.length - 1} in ${place.inside}`;
    },
  });
}

function checkCount(count: number, path: string, wanted: 'one' | 'all'): void {
  if (count === 0)
    throw new SwarmError('BAD_INPUT', `old_string is not in ${path}; Read it again and copy it exactly`);
  if (count > 1 && wanted === 'one') {
    const hint = 'make it longer so that it is there once, or set replace_all';
    throw new SwarmError('BAD_INPUT', `old_string is ${count} times in ${path}; ${hint}`);
  }
}

/** A model sees lines without their ends, and writes them with `\n`. */
function inLineEndsOf(text: string, from: string, to: string): readonly [string, string] {
  if (!text.includes('\r\n') || from.includes('\r')) return [from, to];
  return [from.replaceAll('\n', '\r\n'), to.replaceAll(/\r?\n/g, '\r\n')];
}
