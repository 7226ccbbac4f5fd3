import { z } from 'zod';
import { statusOf } from '../status.ts';
import { defineTool } from '../tool.ts';

export const swarmStatus = defineTool({
  name: 'swarm_status',
  title: 'Swarm status',
  description:
    'Who coordinates, whether anything can be decided (quorum), how many tasks are where, what you hold, what is reserved.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.strictObject({}),
  output: z.object({
    me: z.string().nullable(),
    coordinator: z.string().nullable(),
    quorum: z.boolean(),
    tasks: z.record(z.string(), z.int()).optional(),
  }),
  async run(_input, { session }) {
    const { text, ...data } = await statusOf(session);
    return { data, text };
  },
});
