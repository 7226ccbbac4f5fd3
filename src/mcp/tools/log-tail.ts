import { z } from 'zod';
import { logLines } from '../log-lines.ts';
import { defineTool } from '../tool.ts';

export const logTail = defineTool({
  name: 'log_tail',
  title: 'Tail the log',
  description: 'What was decided last, in order. With from: what came since.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.strictObject({
    limit: z.int().min(1).max(200).default(20),
    from: z.int().min(1).optional().describe('first index'),
  }),
  output: z.object({ lines: z.array(z.string()), nextIndex: z.int() }),
  async run(wanted, { session }) {
    const { lines, nextIndex } = await logLines(session, wanted);
    const text = lines.join('\n') || `nothing from index ${nextIndex} on`;
    return { data: { lines: [...lines], nextIndex }, text };
  },
});
