import { randomUUID } from 'node:crypto';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { SwarmClient } from '../../swarm/client.ts';
import type { ClaimCommand } from '../../tasks/command.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { execute, recordOf } from './records.ts';
import type { ClaimOptions, EndOptions, FenceOptions } from './task-options.ts';
import { claimantName } from './whoami.ts';

const CLAIM_POLL_MS = 200;

/** Takes a task from outside the swarm's own instances. One winner, whoever else asks. */
export async function claimTask(id: string | undefined, options: ClaimOptions): Promise<void> {
  const claimant = { id: claimantName(options.as), capabilities: options.capabilities ?? [] };
  await withSwarm(options, async (client) => {
    const { taskId, fence } = await claimWithin(client, { id, claimant }, options);
    const record = await recordOf(client, taskId, options);
    if (options.json) printJson(record);
    else printLine(`${taskId} is yours with fence ${fence}: ${record.title}`);
  });
}

/** Asks again until something is ready, as long as the person wants to wait. */
async function claimWithin(
  client: SwarmClient,
  wanted: { readonly id: string | undefined; readonly claimant: ClaimCommand['claimant'] },
  options: ClaimOptions,
): Promise<{ readonly taskId: string; readonly fence: number }> {
  const deadline = performance.now() + (options.wait ?? 0);
  for (;;) {
    try {
      const command: ClaimCommand = {
        kind: 'claim',
        requestId: randomUUID(),
        claimant: wanted.claimant,
        ...(wanted.id === undefined ? {} : { taskId: wanted.id }),
        ...(options.lease === undefined ? {} : { leaseMs: options.lease }),
      };
      return await execute(client, command, options);
    } catch (error) {
      const mayBecomeReady =
        error instanceof SwarmError && ['NOTHING_READY', 'NOT_CLAIMABLE'].includes(error.code);
      if (!mayBecomeReady || performance.now() >= deadline) throw error;
    }
    await delay(CLAIM_POLL_MS);
  }
}

export async function renewTask(id: string, options: FenceOptions): Promise<void> {
  await withSwarm(options, async (client) => {
    const tasks = [{ taskId: id, fence: options.fence }];
    const { stale } = await execute(client, { kind: 'renew', tasks, reservations: [] }, options);
    const refused = stale[0];
    if (refused !== undefined) throw new SwarmError('STALE_FENCE', refused.why);
    await report(client, { id, done: `${id} is yours for another lease` }, options);
  });
}

export async function noteOnTask(id: string, text: string, options: FenceOptions): Promise<void> {
  await withSwarm(options, async (client) => {
    await execute(client, { kind: 'note', taskId: id, fence: options.fence, text }, options);
    await report(client, { id, done: `noted on ${id}` }, options);
  });
}

export async function completeTask(id: string, options: EndOptions): Promise<void> {
  const result = await resultOf(options);
  await withSwarm(options, async (client) => {
    await execute(client, { kind: 'complete', taskId: id, fence: options.fence, ...result }, options);
    await report(client, { id, done: `${id} is completed` }, options);
  });
}

export async function failTask(id: string, options: EndOptions): Promise<void> {
  const result = await resultOf(options);
  const next = options.final ? 'final' : 'retry';
  const reason = options.reason ?? 'given up by hand';
  await withSwarm(options, async (client) => {
    const held = { taskId: id, fence: options.fence };
    const { state } = await execute(client, { kind: 'fail', ...held, ...result, reason, next }, options);
    await report(client, { id, done: `${id} is ${state} now` }, options);
  });
}

async function resultOf({ exitCode, output }: EndOptions) {
  const text = output === '-' ? await readAll(process.stdin) : (output ?? '');
  return { output: text, hooks: [], ...(exitCode === undefined ? {} : { exitCode }) };
}

async function report(
  client: SwarmClient,
  { id, done }: { readonly id: string; readonly done: string },
  options: FenceOptions,
): Promise<void> {
  if (options.json) printJson(await recordOf(client, id, options));
  else printLine(done);
}
