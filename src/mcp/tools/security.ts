import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { createJoinToken, revoke, securityState } from '../../siblings/security-manager/manager.ts';
import { defineTool } from '../tool.ts';

const HOUR_MS = 3_600_000;

export const security = defineTool({
  name: 'security',
  title: 'Who may get in',
  description:
    'Certificates, clients, warnings (status); a token for one newcomer (token); shut one out (revoke).',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    action: z.enum(['status', 'token', 'revoke']),
    who: z.string().optional().describe('revoke: member id or client/NAME'),
  }),
  output: z.object({ token: z.string().optional(), warnings: z.array(z.string()) }),
  async run({ action, who }, { session }) {
    const office = await session.office();
    if ((action === 'revoke') !== (who !== undefined)) {
      throw new SwarmError('BAD_INPUT', 'who: revoke takes one, and nothing else does');
    }
    if (who !== undefined) {
      await revoke(office, who, 'revoked by a model');
      return { data: { warnings: [] }, text: `${who} is let in nowhere any more` };
    }
    if (action === 'token') {
      const { token } = await createJoinToken(office, HOUR_MS);
      return { data: { token, warnings: [] }, text: `good once, for an hour: ${token}` };
    }
    const state = await securityState(office);
    const { certificates, clients, revoked, secured, warnings } = state;
    const head = secured ? `TLS; ${certificates.length} certificates` : 'no TLS: this machine alone';
    const text = [`${head}, ${clients.length} clients, ${revoked.length} revoked`, ...warnings].join('; ');
    return { data: { ...state, warnings: [...warnings] }, text };
  },
});
