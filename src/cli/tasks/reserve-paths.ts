import { randomBytes } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import type { ReserveCommand } from '../../tasks/command.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { table } from '../view/table.ts';
import { execute } from './records.ts';
import type { FenceOptions, ReserveOptions } from './task-options.ts';
import { claimantName } from './whoami.ts';

export async function reservePaths(paths: readonly string[], options: ReserveOptions): Promise<void> {
  if (options.list) return listReservations(options);
  const command = reserveCommandOf(paths, options);
  await withSwarm(options, async (client) => {
    const granted = await execute(client, command, options);
    if (options.json)
      printJson({ ...granted, holder: command.holder, paths: command.paths, mode: command.mode });
    else
      printLine(`${granted.reservationId} is yours with fence ${granted.fence}: ${command.paths.join(' ')}`);
  });
}

export async function releaseReservation(reservationId: string, options: FenceOptions): Promise<void> {
  await withSwarm(options, async (client) => {
    const released = await execute(
      client,
      { kind: 'release-reservation', reservationId, fence: options.fence },
      options,
    );
    if (options.json) printJson(released);
    else printLine(`${reservationId} is released`);
  });
}

function reserveCommandOf(paths: readonly string[], options: ReserveOptions): ReserveCommand {
  const { fence, id, lease, shared, task } = options;
  if (paths.length === 0) throw new SwarmError('BAD_INPUT', 'name at least one path or glob, or use --list');
  if ((task === undefined) !== (fence === undefined)) {
    throw new SwarmError(
      'BAD_INPUT',
      '--task and --fence go together: the fence is the one of the task’s lease',
    );
  }
  return {
    kind: 'reserve',
    reservationId: id ?? `r-${randomBytes(4).toString('hex')}`,
    holder: claimantName(options.as),
    paths,
    mode: shared ? 'shared' : 'exclusive',
    ...(task === undefined || fence === undefined ? {} : { task: { taskId: task, fence } }),
    ...(lease === undefined ? {} : { leaseMs: lease }),
  };
}

async function listReservations(options: ReserveOptions): Promise<void> {
  const { json, timeout } = options;
  const reservations = await withSwarm(options, (client) =>
    client.query({ kind: 'reservations' }, { timeoutMs: timeout }),
  );
  if (json) {
    printJson(reservations);
    return;
  }
  const lines = table(reservations, [
    { title: 'RESERVATION', value: ({ id }) => id },
    { title: 'HOLDER', value: ({ holder }) => holder },
    { title: 'MODE', value: ({ mode }) => mode },
    { title: 'FENCE', value: ({ fence }) => String(fence), align: 'right' },
    { title: 'PATHS', value: ({ paths }) => paths.join(' ') },
  ]);
  for (const line of lines) printLine(line);
}
