import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { quorumManager } from '../../siblings/quorum-manager/client.ts';
import { STRATEGIES } from '../../siblings/quorum-manager/policy.ts';
import { defineTool } from '../tool.ts';

export const quorum = defineTool({
  name: 'quorum',
  title: 'Plan who votes',
  description: 'What the voters can bear; who should vote and why (plan); carry that out (apply).',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    action: z.enum(['status', 'plan', 'apply']),
    strategy: z.enum(STRATEGIES).optional(),
  }),
  output: z.object({ voters: z.array(z.string()), learners: z.array(z.string()) }),
  async run({ action, strategy }, { session }) {
    const manager = quorumManager(await session.asker());
    if (action === 'status') {
      if (strategy !== undefined) throw new SwarmError('BAD_INPUT', 'strategy: only a plan has one');
      const status = await manager.status();
      const { quorum: needed, survives, survivesDomains, voters } = status;
      const silent = status.members.filter(({ reachable }) => !reachable).map(({ id }) => id);
      const head = `${needed} of ${voters.length} votes decide; ${survives} more losses and ${survivesDomains} failure domains can be borne`;
      return {
        data: { ...status, ...listed(status) },
        text: [head, ...silent.map((id) => `${id} is silent`)].join('; '),
      };
    }
    const plan = await manager.plan(strategy === undefined ? {} : { strategy });
    if (action === 'apply') {
      const applied = await manager.apply(plan);
      const text = `${applied.steps} steps carried out; voters ${applied.voters.join(', ')}`;
      return { data: { ...applied, ...listed(applied) }, text };
    }
    const { learners, reasoning, recommendedVoters: voters, steps } = plan;
    return {
      data: { ...plan, ...listed({ voters, learners }) },
      text: [...reasoning, `${steps.length} steps.`].join(' '),
    };
  },
});

function listed({
  learners,
  voters,
}: {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}) {
  return { voters: [...voters], learners: [...learners] };
}
