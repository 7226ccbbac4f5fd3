import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { fence } from './fields.ts';

export const filesRelease = defineTool({
  name: 'files_release',
  title: 'Release files',
  description: 'Gives a reservation back.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ reservationId: z.string(), fence: fence.describe('from files_reserve') }),
  output: z.object({ reservationId: z.string() }),
  async run({ fence: given, reservationId }, { session }) {
    await session.execute({ kind: 'release-reservation', reservationId, fence: given });
    return { data: { reservationId }, text: `${reservationId} is released` };
  },
});
