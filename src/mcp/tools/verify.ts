import { z } from 'zod';
import { defineTool } from '../tool.ts';

export const verify = defineTool({
  name: 'verify',
  title: 'Verify the nodes',
  description: 'Proves that all nodes hold the same state, at one index of the log.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ full: z.boolean().default(false).describe('look through all of the state, too') }),
  output: z.object({
    index: z.int(),
    equal: z.boolean(),
    nodes: z.array(z.object({ id: z.string(), verdict: z.string() })),
  }),
  async run({ full }, { session }) {
    const { index, verdicts } = await session.verify({ full });
    const wrong = verdicts.filter(({ verdict }) => verdict === 'differs' || verdict === 'damaged');
    const silent = verdicts.filter(({ verdict }) => verdict === 'unreachable');
    const told = [...wrong, ...silent].map(({ id, verdict, why }) => `${id} ${verdict}: ${why}`);
    const equal = verdicts.length - wrong.length - silent.length;
    const head = `${equal} of ${verdicts.length} nodes are equal at index ${index}`;
    return {
      data: { index, equal: wrong.length === 0, nodes: verdicts.map((one) => ({ ...one })) },
      text: [head, ...told].join('; '),
    };
  },
});
