import { z } from 'zod';
import { defineTool } from '../tool.ts';

export const members = defineTool({
  name: 'members',
  title: 'List members',
  description: 'Every node of the swarm: role, vote, entries it lags behind.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.strictObject({}),
  output: z.object({
    members: z.array(z.object({ id: z.string(), role: z.string(), voter: z.boolean(), lag: z.int() })),
  }),
  async run(_input, { session }) {
    const { nodes } = await session.census();
    const rows = nodes.map(({ id, role, voter, lag, agent, lastContactMs }) => {
      return { id, role, voter, lag, agent, lastContactMs };
    });
    const lines = rows.map(({ id, role, voter, lag }) => {
      const part = voter ? 'voter' : 'learner';
      return `${id} ${role} (${part}${lag > 0 ? `, ${lag} behind` : ''})`;
    });
    return { data: { members: rows }, text: lines.join('; ') };
  },
});
