import { describe, expect, test } from 'vitest';
import type { Claim } from '../../src/api/client-port.ts';
import { SwarmClient } from '../../src/api/swarm-client.ts';
import { openClient, openSwarm } from './swarms.ts';

/** Nobody here does prompts but whoever claims them. */
async function openGarden(capabilities: readonly string[] = []) {
  const swarm = await openSwarm();
  const gardener = await openClient(swarm, { name: 'gardener', capabilities });
  return { swarm, gardener, owner: swarm.client };
}

function taken(claim: Claim | undefined): Claim {
  if (claim === undefined) throw new Error('there was nothing to claim');
  return claim;
}

describe('claims', () => {
  test('one winner, who learns what to do; nothing left is no error', async () => {
    const { gardener, owner } = await openGarden();
    const [id] = await owner.submit([{ title: 'Roses', prompt: 'prune them' }]);
    const claim = taken(await gardener.claim());
    expect(claim).toMatchObject({ taskId: id, task: { title: 'Roses', prompt: 'prune them', run: null } });
    expect(await owner.claim()).toBeUndefined();
    await gardener.complete(claim, { output: 'pruned' });
    const done = { state: 'completed', output: 'pruned', agent: 'gardener', fence: claim.fence };
    expect(await owner.task(id)).toMatchObject(done);
  });

  test('only what is within the capabilities', async () => {
    const { gardener, owner } = await openGarden(['ladder']);
    await owner.submit([
      { id: 'well', prompt: 'dig', requires: ['spade'] },
      { id: 'roof', prompt: 'sweep', requires: ['ladder'], priority: 'low' },
    ]);
    expect(await gardener.claim()).toMatchObject({ taskId: 'roof' });
    await expect(gardener.claim({ taskId: 'well' })).rejects.toMatchObject({ code: 'NOT_CLAIMABLE' });
  });

  test('each way an attempt ends shows in the task', async () => {
    const { gardener, owner } = await openGarden();
    const [id] = await owner.submit([{ prompt: 'dig', retries: 0 }]);
    const first = taken(await gardener.claim());
    await gardener.note(first, 'hard ground');
    await gardener.handBack(first, 'no spade');
    expect(await owner.task(id)).toMatchObject({
      state: 'queued',
      failures: 0,
      reason: 'handed back by gardener: no spade',
    });
    const second = taken(await gardener.claim());
    expect(second.task.notes).toMatchObject([{ text: 'hard ground', agent: 'gardener' }]);
    await expect(gardener.complete(first)).rejects.toMatchObject({ code: 'STALE_FENCE' });
    await expect(gardener.renew(first)).rejects.toMatchObject({ code: 'STALE_FENCE' });
    await gardener.renew(second);
    expect(await gardener.fail(second, 'rock', { output: 'clang' })).toBe('failed');
    expect(await owner.task(id)).toMatchObject({ state: 'failed', reason: 'rock', output: 'clang' });
  });

  test('whoever waits for work gets it when it comes, and stops waiting when told to', async () => {
    const { gardener, owner } = await openGarden();
    const next = gardener.next();
    const [id] = await owner.submit([{ prompt: 'dig' }]);
    expect(await next).toMatchObject({ taskId: id });
    const enough = new AbortController();
    const never = gardener.next({ signal: enough.signal });
    enough.abort(new Error('evening'));
    await expect(never).rejects.toThrow('evening');
    const closed = expect(gardener.next()).rejects.toMatchObject({ code: 'STOPPED' });
    await gardener.close();
    await closed;
  });
});

/** Waits until the log holds so many renewals: of a quarter of a lease each. */
async function renewals(client: SwarmClient, count: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
    const renewed = lines.filter(({ command }) => (command as { kind?: string } | null)?.kind === 'renew');
    if (renewed.length >= count) return;
  }
}

test('whoever waits for work waits through a pause and a cap, too', async () => {
  const { gardener, owner } = await openGarden();
  await owner.execute({ kind: 'configure', maxActive: 1 });
  await owner.submit([{ id: 'first', prompt: 'dig' }]);
  const first = taken(await gardener.claim());
  await owner.submit([{ id: 'second', prompt: 'sow' }]);
  await expect(gardener.claim()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  const second = gardener.next();
  await owner.execute({ kind: 'pause', reason: 'lunch' });
  await gardener.complete(first);
  await owner.execute({ kind: 'resume' });
  expect(await second).toMatchObject({ taskId: 'second' });
});

describe('work', () => {
  test('what it returns is the result of the task, and its lease lasts as long as it does', async () => {
    const { gardener, owner } = await openGarden();
    const [id] = await owner.submit([{ prompt: 'dig' }]);
    const claim = taken(await gardener.claim({ leaseMs: 2_000 }));
    const outcome = await gardener.work(claim, async ({ prompt, note, signal }) => {
      await note(`begun to ${prompt}`);
      // Four of them are a lease.
      await renewals(owner, 5, signal);
      return 'dug';
    });
    expect(outcome).toEqual({ outcome: 'completed', output: 'dug' });
    expect(await owner.task(id)).toMatchObject({ state: 'completed', attempts: 1, losses: 0 });
  });

  test('a failure is an outcome that says what becomes of the task', async () => {
    const { gardener, owner } = await openGarden();
    await owner.submit([{ prompt: 'dig' }]);
    const outcome = await gardener.work(taken(await gardener.claim()), () => {
      throw new Error('rock');
    });
    expect(outcome).toEqual({ outcome: 'failed', reason: 'rock', state: 'queued' });
  });

  test('somebody cancels: the work is told at once, and nothing of it is recorded', async () => {
    const { gardener, owner } = await openGarden();
    const [id] = await owner.submit([{ prompt: 'dig' }]);
    const outcome = await gardener.work(taken(await gardener.claim()), async ({ signal }) => {
      await owner.cancel(id, 'it rains');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return 'dug';
    });
    expect(outcome).toEqual({
      outcome: 'lost',
      reason: `task ${id} is not yours any more: it rains`,
    });
    expect(await owner.task(id)).toMatchObject({ state: 'cancelled', output: '' });
  });

  test('a closed client gives up its work', async () => {
    const { gardener, owner } = await openGarden();
    await owner.submit([{ prompt: 'dig' }]);
    const outcome = await gardener.work(taken(await gardener.claim()), async ({ signal }) => {
      await gardener.close();
      return signal.aborted ? 'late' : 'in time';
    });
    expect(outcome).toMatchObject({ outcome: 'lost', reason: expect.stringContaining('closed') });
  });
});

describe('reservations', () => {
  test('are one party’s until they are released', async () => {
    const { gardener, owner } = await openGarden();
    const mine = await owner.reserve(['beds/**']);
    await expect(gardener.reserve(['beds/roses.txt'])).rejects.toMatchObject({ code: 'RESERVED' });
    await owner.release(mine);
    const theirs = await gardener.reserve(['beds/roses.txt']);
    expect(theirs.lost.aborted).toBe(false);
    await expect(owner.release(mine)).rejects.toMatchObject({ code: 'UNKNOWN_RESERVATION' });
  });

  test('one that is made for a task ends with it, and its holder is told', async () => {
    const { gardener, owner } = await openGarden();
    await owner.submit([{ prompt: 'dig' }]);
    const claim = taken(await gardener.claim());
    const { lost } = await gardener.reserve(['beds/**'], { task: claim });
    const told = new Promise((resolve) => lost.addEventListener('abort', () => resolve(lost.reason)));
    await gardener.complete(claim);
    expect(await told).toMatchObject({ code: 'STALE_FENCE' });
  });
});

describe('submissions', () => {
  test('the same key is one submission', async () => {
    const { owner } = await openGarden();
    const first = await owner.submit([{ prompt: 'dig' }], { key: 'monday' });
    expect(await owner.submit([{ prompt: 'dig' }], { key: 'monday' })).toEqual(first);
    expect(await owner.tasks()).toHaveLength(1);
  });

  test.each([
    { why: 'no work', task: { id: 'idle' }, message: 'task idle needs work' },
    { why: 'an id that is none', task: { id: 'a b', prompt: 'dig' }, message: 'tasks[0].id' },
  ])('$why is refused before it leaves', async ({ task, message }) => {
    const { owner } = await openGarden();
    await expect(owner.submit([task])).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining(message),
    });
  });
});

describe('looking', () => {
  test('every change of a task is heard, in order, from the resync on', async () => {
    const { gardener, owner } = await openGarden();
    const watch = gardener.watch();
    expect(await watch.next()).toMatchObject({ value: { type: 'resync' } });
    const [id] = await owner.submit([{ run: 'true' }]);
    const states: string[] = [];
    for await (const event of watch) {
      if (event.type === 'applied') states.push(...event.tasks.map(({ state }) => state));
      if (states.at(-1) === 'completed') break;
    }
    expect((await owner.task(id)).state).toBe('completed');
    expect(states).toEqual(['queued', 'assigned', 'running', 'completed']);
  });

  test('waits for good and bad ends alike', async () => {
    const { owner } = await openGarden();
    const ids = await owner.submit([
      { id: 'good', run: 'echo fine' },
      { id: 'bad', run: 'exit 3', retries: 0 },
      { id: 'behind', run: 'true', dependsOn: ['bad'] },
    ]);
    expect(await owner.settled(ids)).toMatchObject([
      { id: 'good', state: 'completed', output: 'fine\n' },
      { id: 'bad', state: 'failed', exitCode: 3 },
      { id: 'behind', state: 'blocked' },
    ]);
    await expect(owner.settled(['nobody'])).rejects.toMatchObject({ code: 'UNKNOWN_TASK' });
  });

  test('shows who is there and who leads', async () => {
    const { owner, swarm } = await openGarden();
    const [instance] = swarm.instances;
    expect(await owner.status()).toMatchObject({
      coordinator: instance?.id,
      quorum: true,
      nodes: [{ id: instance?.id, role: 'leader', url: instance?.url }],
      overview: { counts: { queued: 0 }, paused: null },
    });
  });

  test('there is nobody to connect to, or under no such name', async () => {
    const { swarm } = await openGarden();
    await expect(SwarmClient.connect({ dir: swarm.dir, name: 'a b' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(SwarmClient.connect({ dir: `${swarm.dir}/elsewhere` })).rejects.toMatchObject({
      code: 'NOT_RUNNING',
    });
  });
});
