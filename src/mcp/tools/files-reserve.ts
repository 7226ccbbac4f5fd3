import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { LEASE_MS } from '../session.ts';
import { defineTool } from '../tool.ts';
import { fence, paths, taskId } from './fields.ts';

export const filesReserve = defineTool({
  name: 'files_reserve',
  title: 'Reserve files',
  description:
    'Keeps others from editing paths while you do, all or none. Globs relative to the repository; "merge" is the right to merge. Yours until files_release, the end of the session or of the task.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    paths,
    mode: z.enum(['exclusive', 'shared']).default('exclusive'),
    taskId: taskId.optional().describe('reserve for a task you hold; with its fence'),
    fence: fence.optional(),
    reservationId: z.string().optional().describe('of your choice: repeating the call is safe then'),
  }),
  output: z.object({ reservationId: z.string(), fence: z.int() }),
  async run({ fence: given, mode, paths: wanted, reservationId, taskId: id }, { session }) {
    if ((id === undefined) !== (given === undefined)) {
      throw new SwarmError('BAD_INPUT', 'taskId and fence go together: the fence is the one of the task');
    }
    const granted = await session.execute({
      kind: 'reserve',
      reservationId: reservationId ?? `r-${randomBytes(4).toString('hex')}`,
      holder: await session.holder(),
      paths: wanted,
      mode,
      leaseMs: LEASE_MS,
      ...(id === undefined || given === undefined ? {} : { task: { taskId: id, fence: given } }),
    });
    const { reservationId: name, fence: number } = granted;
    return {
      data: { reservationId: name, fence: number },
      text: `${name} is yours with fence ${number}: ${wanted.join(', ')} (${mode})`,
    };
  },
});
