import { describe, expect, test } from 'vitest';
import type { Session } from '../../src/mcp/session.ts';
import type { TaskCommand } from '../../src/tasks/command.ts';
import { eventually, openPlayground, type SmallSwarm, startSwarm } from '../claude-code/playground.ts';
import { type Desk, openDesk, type Taken } from './desk.ts';

interface Waiting {
  readonly swarm: SmallSwarm;
  readonly desk: Desk;
  readonly told: readonly string[];
  /** Ends when there is a task, or time is up. */
  readonly taken: Promise<Taken['task']>;
  cancel(): void;
}

/** Somebody who waits for a task in a swarm that has none, and has been told so. */
async function wait(seconds = 60): Promise<Waiting> {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  const desk = await openDesk(play);
  const told: string[] = [];
  const cancelling = new AbortController();
  const call = desk.client.callTool(
    { name: 'task_next', arguments: { waitSeconds: seconds } },
    {
      signal: cancelling.signal,
      onprogress: ({ message, progress, total }) => told.push(`${Math.ceil(progress)}/${total} ${message}`),
    },
  );
  const taken = call.then(({ structuredContent }) => (structuredContent as unknown as Taken).task);
  taken.catch(() => undefined);
  await eventually('it to be told what it waits for', () => told.length > 0);
  return { swarm, desk, told, taken, cancel: () => cancelling.abort() };
}

async function submit({ client }: SmallSwarm, id: string): Promise<void> {
  const task = {
    id,
    title: id,
    prompt: id,
    requires: [],
    priority: 'normal',
    dependsOn: [],
    env: {},
  } as const;
  await client.execute({ kind: 'submit', key: id, tasks: [task] });
}

async function leases({ client }: SmallSwarm): Promise<number> {
  const { running } = (await client.query({ kind: 'overview' })).counts;
  return running;
}

/** Commands of this kind that the log holds. */
async function logged({ client }: SmallSwarm, kind: TaskCommand['kind']): Promise<number> {
  const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
  return lines.filter(({ command }) => (command as { readonly kind?: string } | null)?.kind === kind).length;
}

describe('whoever waits for a task', () => {
  test('is told so, and is given the first one that comes', async () => {
    const { swarm, taken, told } = await wait();
    expect(told[0]).toMatch(/^\d+\/60 nothing is ready; 0 running, 0 queued$/);
    await submit(swarm, 'one');
    expect(await taken).toMatchObject({ taskId: 'one' });
  });

  test('is told that there was none when the time is up, and has cost the log nothing', async () => {
    const { swarm, taken } = await wait(1);
    expect(await taken).toBeNull();
    expect(await logged(swarm, 'claim')).toBe(0);
  });

  test('is given nothing while the swarm is paused, and something once it is resumed', async () => {
    const { swarm, taken, told } = await wait();
    await swarm.client.execute({ kind: 'pause', reason: 'for lunch' });
    await submit(swarm, 'one');
    await eventually('it to be told', () => told.some((line) => line.includes('paused for lunch')));
    expect(await leases(swarm)).toBe(0);
    await swarm.client.execute({ kind: 'resume' });
    expect(await taken).toMatchObject({ taskId: 'one' });
  });

  test('and does not want to any more, is given nothing', async () => {
    const { cancel, desk, swarm, taken } = await wait();
    cancel();
    await expect(taken).rejects.toThrow();
    await submit(swarm, 'one');
    // Whoever asks next is served: nobody stands before it.
    expect(await desk.call('task_next', { waitSeconds: 0 })).toMatchObject({ task: { taskId: 'one' } });
    expect(await logged(swarm, 'claim')).toBe(1);
  });

  test('and went away while the task was being claimed, has given it back', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    const cancelling = new AbortController();
    const hurried = (own: Session): Session => {
      const execute = own.execute.bind(own);
      own.execute = async (command, options) => {
        const done = await execute(command, options);
        if (command.kind === 'claim') await cancelAndBeHeard();
        return done;
      };
      return own;
    };
    const desk = await openDesk(play, { disguise: hurried });
    const cancelAndBeHeard = async (): Promise<void> => {
      cancelling.abort();
      // Messages of one client arrive in order: the server has heard of it once it answers this.
      await desk.client.listTools();
    };
    await submit(swarm, 'one');
    const call = { name: 'task_next', arguments: {} };
    await expect(desk.client.callTool(call, { signal: cancelling.signal })).rejects.toThrow();
    await eventually('the task to be given back', async () => (await logged(swarm, 'release')) === 1);
    expect(await leases(swarm)).toBe(0);
  });
});
