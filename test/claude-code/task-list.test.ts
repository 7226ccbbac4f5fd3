import { describe, expect, test } from 'vitest';
import { openPlayground, type Playground, recorded, type SmallSwarm, startSwarm } from './playground.ts';

const CREATED = recorded('TaskCreated');
const COMPLETED = recorded('TaskCompleted');

async function onlyTask({ client }: SmallSwarm) {
  const tasks = await client.query({ kind: 'tasks' });
  expect(tasks).toHaveLength(1);
  const [task] = tasks;
  if (task === undefined) throw new Error('there is no task');
  return task;
}

async function withTask(): Promise<{
  readonly play: Playground;
  readonly swarm: SmallSwarm;
  readonly id: string;
}> {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  expect(await play.hook(CREATED)).toEqual({ exitCode: 0, stderr: '', said: undefined });
  return { play, swarm, id: (await onlyTask(swarm)).id };
}

async function doneBy({ client }: SmallSwarm, who: string, taskId: string): Promise<number> {
  const claimant = { id: who, capabilities: [] };
  const { fence } = await client.execute({ kind: 'claim', requestId: 'a', claimant, taskId });
  return fence;
}

describe('an entry of the task list', () => {
  test('becomes a task of the swarm, once however often it is told', async () => {
    const { play, swarm } = await withTask();
    await play.hook(CREATED);
    expect(await onlyTask(swarm)).toMatchObject({ state: 'queued', title: 'Elect' });
  });

  test('is another task in another session, and when its number is used again for something else', async () => {
    const { play, swarm } = await withTask();
    await play.hook({ ...CREATED, session_id: 'another-session' });
    await play.hook({ ...CREATED, task_subject: 'Something else' });
    expect(await swarm.client.query({ kind: 'tasks' })).toHaveLength(3);
  });

  test('is the same task for all of a team', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    await play.hook({ ...CREATED, team_name: 'team' });
    await play.hook({ ...CREATED, team_name: 'team', session_id: 'another-session' });
    await onlyTask(swarm);
  });

  test('is completed with it, once however often it is told', async () => {
    const { play, swarm } = await withTask();
    for (let time = 1; time <= 2; time++) expect(await play.hook(COMPLETED)).toMatchObject({ exitCode: 0 });
    expect(await onlyTask(swarm)).toMatchObject({
      state: 'completed',
      agent: 'claude-7bc84685',
      attempts: 1,
    });
  });

  test('that was made while there was no swarm is completed all the same', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    expect(await play.hook(COMPLETED)).toMatchObject({ exitCode: 0 });
    expect(await onlyTask(swarm)).toMatchObject({ state: 'completed', title: 'Elect' });
  });

  test('that was claimed under the session is completed under its fence', async () => {
    const { play, swarm, id } = await withTask();
    await doneBy(swarm, 'claude-7bc84685', id);
    expect(await play.hook(COMPLETED)).toMatchObject({ exitCode: 0 });
    expect(await onlyTask(swarm)).toMatchObject({ state: 'completed', attempts: 1 });
  });

  test('that was given back after a claim is claimed anew', async () => {
    const { play, swarm, id } = await withTask();
    const claimant = { id: 'claude-7bc84685', capabilities: [] };
    const requestId = `complete-${id}`;
    const { fence } = await swarm.client.execute({ kind: 'claim', requestId, claimant, taskId: id });
    await swarm.client.execute({ kind: 'release', taskId: id, fence, reason: 'its lease ran out' });
    expect(await play.hook(COMPLETED)).toMatchObject({ exitCode: 0 });
    expect(await onlyTask(swarm)).toMatchObject({ state: 'completed', attempts: 2 });
  });
});

describe('a second completion is blocked', () => {
  test('of what somebody else has completed', async () => {
    const { play, swarm, id } = await withTask();
    const fence = await doneBy(swarm, 'bob', id);
    await swarm.client.execute({ kind: 'complete', taskId: id, fence, output: '', hooks: [] });
    const answered = await play.hook(COMPLETED);
    expect(answered).toMatchObject({ exitCode: 2, said: undefined });
    expect(answered.stderr).toContain(`${id} was completed by bob already`);
    expect(await onlyTask(swarm)).toMatchObject({ agent: 'bob', attempts: 1 });
  });

  test('of what somebody else works on', async () => {
    const { play, swarm, id } = await withTask();
    const fence = await doneBy(swarm, 'bob', id);
    const { exitCode, stderr } = await play.hook(COMPLETED);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining(`bob's to complete`),
    });
    expect(stderr).toContain(`fence ${fence}`);
    expect(await onlyTask(swarm)).toMatchObject({ state: 'running' });
  });

  test('of what was cancelled', async () => {
    const { play, swarm, id } = await withTask();
    await swarm.client.execute({ kind: 'cancel', taskId: id, reason: 'not wanted' });
    const { exitCode, stderr } = await play.hook(COMPLETED);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('is cancelled (not wanted)'),
    });
  });

  test('while the swarm is paused', async () => {
    const { play, swarm } = await withTask();
    await swarm.client.execute({ kind: 'pause', reason: 'lunch' });
    expect(await play.hook(COMPLETED)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lunch'),
    });
  });

  test('without a swarm: nobody could say whether it is the second', async () => {
    const play = openPlayground();
    expect(await play.hook(COMPLETED)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('no node of the swarm answers'),
    });
  });
});

test('an entry is made without a swarm, too, and the person is told', async () => {
  const play = openPlayground();
  expect(await play.hook(CREATED)).toMatchObject({
    exitCode: 0,
    said: { systemMessage: expect.stringContaining('TaskCreated is not guarded') },
  });
});
