import { describe, expect, test } from 'vitest';
import { eventually, openPlayground, type Playground, startSwarm } from '../claude-code/playground.ts';
import { type Desk, openDesk, type Taken } from './desk.ts';

interface Office {
  readonly play: Playground;
  readonly desk: Desk;
}

/** A swarm that does nothing by itself, and somebody who works in it through the server. */
async function openOffice(): Promise<Office> {
  const play = openPlayground();
  await startSwarm(play);
  return { play, desk: await openDesk(play, { sessionId: 'first' }) };
}

async function submit({ desk }: Office, ...ids: readonly string[]): Promise<void> {
  await desk.call('task_submit', { tasks: ids.map((id) => ({ id, prompt: `do ${id}` })) });
}

async function take({ desk }: Office): Promise<NonNullable<Taken['task']>> {
  const { task } = await desk.call<Taken>('task_next', { waitSeconds: 0 });
  if (task === null) throw new Error('nothing was ready');
  return task;
}

async function stateOf({ desk }: Office, taskId: string): Promise<unknown> {
  const { tasks } = await desk.call<{ tasks: { state: string }[] }>('task_list', { taskId });
  return tasks[0]?.state;
}

describe('work', () => {
  test('is submitted, taken, noted and completed', async () => {
    const office = await openOffice();
    const { desk } = office;
    await submit(office, 'one');
    const { content, structuredContent } = await desk.ask('task_next', {});
    const { task } = structuredContent as unknown as Taken;
    expect(task).toMatchObject({ taskId: 'one', prompt: 'do one', fence: expect.any(Number), notes: [] });
    // Whoever sees nothing but the line knows what to do.
    expect(content).toEqual([
      { type: 'text', text: expect.stringMatching(/one is yours with fence \d+.*do one/) },
    ]);
    const held = { taskId: 'one', fence: task?.fence };
    await desk.call('task_update', { ...held, action: 'note', text: 'half of it' });
    expect(await desk.call('task_update', { ...held, action: 'renew' })).toEqual({
      taskId: 'one',
      state: 'running',
    });
    expect(await desk.call('swarm_status')).toMatchObject({
      me: expect.stringMatching(/^mcp-first\.\d+$/),
      quorum: true,
      held: [held],
      tasks: { running: 1 },
    });
    await desk.call('task_update', { ...held, action: 'complete', text: 'all of it' });
    expect(await desk.call('task_list', { taskId: 'one' })).toMatchObject({
      tasks: [{ state: 'completed', output: 'all of it', notes: [{ text: 'half of it' }] }],
    });
    expect(await desk.call('task_next', { waitSeconds: 0 })).toEqual({ task: null });
    expect(desk.troubles).toEqual([]);
  });

  test.each([
    { update: { action: 'fail', text: 'no idea\nat all' }, state: 'queued' },
    { update: { action: 'fail', text: 'no', next: 'final' }, state: 'failed' },
    { update: { action: 'fail', text: 'no', next: 'park' }, state: 'parked' },
    { update: { action: 'release', text: 'later' }, state: 'queued' },
    { update: { action: 'cancel' }, state: 'cancelled' },
  ])('ends as it is said: $update.action $update.next', async ({ update, state }) => {
    const office = await openOffice();
    await submit(office, 'one');
    const { fence } = await take(office);
    expect(await office.desk.call('task_update', { taskId: 'one', fence, ...update })).toEqual({
      taskId: 'one',
      state,
    });
    expect(await stateOf(office, 'one')).toBe(state);
  });

  test('that anybody has may be cancelled without a fence, and then its fence is worth nothing', async () => {
    const office = await openOffice();
    await submit(office, 'one');
    const { fence } = await take(office);
    const other = await openDesk(office.play);
    await other.call('task_update', { taskId: 'one', action: 'cancel', text: 'not wanted any more' });
    const update = { taskId: 'one', fence, action: 'complete' };
    expect(await office.desk.refusal('task_update', update)).toBe('STALE_FENCE');
  });

  test('is given to those who are able to do it', async () => {
    const office = await openOffice();
    const able = await openDesk(office.play, { capabilities: ['welding'] });
    await office.desk.call('task_submit', { tasks: [{ id: 'weld', prompt: 'weld', requires: ['welding'] }] });
    expect(await office.desk.call('task_next', { waitSeconds: 0 })).toEqual({ task: null });
    expect(await able.call('task_next', { waitSeconds: 0 })).toMatchObject({ task: { taskId: 'weld' } });
  });

  test('is taken by its name, also when something else comes before it', async () => {
    const office = await openOffice();
    await submit(office, 'one', 'two');
    expect(await office.desk.call('task_next', { taskId: 'two' })).toMatchObject({ task: { taskId: 'two' } });
    expect(await office.desk.refusal('task_next', { taskId: 'two' })).toBe('NOT_CLAIMABLE');
    expect(await office.desk.refusal('task_next', { taskId: 'three' })).toBe('UNKNOWN_TASK');
  });

  test('of one task is one session’s, however many ask for it at once', async () => {
    const office = await openOffice();
    const others = await Promise.all([openDesk(office.play), openDesk(office.play)]);
    const desks = [office.desk, ...others];
    // Each has its node by then: what is raced for is the task.
    await Promise.all(desks.map(({ session }) => session.holder()));
    const asked = desks.map(({ call }) => call<Taken>('task_next', { waitSeconds: 1 }));
    await submit(office, 'one');
    const taken = (await Promise.all(asked)).flatMap(({ task }) => task ?? []);
    expect(taken).toMatchObject([{ taskId: 'one' }]);
  });
});

describe('a call that is repeated', () => {
  test('submits once under one key', async () => {
    const { desk } = await openOffice();
    const tasks = [{ prompt: 'a' }, { prompt: 'b' }];
    const first = await desk.call('task_submit', { key: 'k', tasks });
    expect(await desk.call('task_submit', { key: 'k', tasks })).toEqual({ ...first, repeated: true });
    expect(await desk.call('task_list')).toMatchObject({ total: 2 });
  });

  test('takes the same task under one request id, though nothing else is ready', async () => {
    const office = await openOffice();
    await submit(office, 'one');
    const first = await office.desk.call<Taken>('task_next', { requestId: 'r' });
    expect(await office.desk.call<Taken>('task_next', { requestId: 'r', waitSeconds: 0 })).toEqual(first);
    const { fence } = first.task ?? {};
    await office.desk.call('task_update', { taskId: 'one', fence, action: 'complete' });
    expect(await office.desk.refusal('task_next', { requestId: 'r' })).toBe('STALE_FENCE');
  });

  test('completes once', async () => {
    const office = await openOffice();
    await submit(office, 'one');
    const { fence } = await take(office);
    const complete = { taskId: 'one', fence, action: 'complete', text: 'done' };
    const first = await office.desk.call('task_update', complete);
    expect(await office.desk.call('task_update', complete)).toEqual(first);
  });

  test('reserves once under one reservation id', async () => {
    const { desk } = await openOffice();
    const wanted = { paths: ['src/**'], reservationId: 'mine' };
    const first = await desk.call('files_reserve', wanted);
    expect(await desk.call('files_reserve', wanted)).toEqual(first);
    expect(await desk.refusal('files_reserve', { ...wanted, paths: ['docs/**'] })).toBe('RESERVED');
  });
});

describe('files', () => {
  test('are reserved for one, until they are released', async () => {
    const { desk, play } = await openOffice();
    const other = await openDesk(play, { sessionId: 'second' });
    const granted = await desk.call('files_reserve', { paths: ['src/api/**'] });
    const { content } = await other.ask('files_reserve', { paths: ['src/api/a.ts'] });
    expect(content).toMatchObject([{ text: expect.stringMatching(/^RESERVED: .*mcp-first\.\d+.*\nNext: /) }]);
    expect(await other.call('swarm_status')).toMatchObject({ reservations: [{ paths: ['src/api/**'] }] });
    expect(await other.refusal('files_release', { ...granted, fence: 1 })).toBe('STALE_FENCE');
    expect(await desk.call('files_release', granted)).toEqual({ reservationId: granted.reservationId });
    expect(await other.call('files_reserve', { paths: ['src/api/a.ts'] })).toBeDefined();
    expect(await desk.refusal('files_release', granted)).toBe('UNKNOWN_RESERVATION');
  });

  test('of a task go back with it', async () => {
    const office = await openOffice();
    await submit(office, 'one');
    const { fence } = await take(office);
    await office.desk.call('files_reserve', { paths: ['a'], taskId: 'one', fence });
    await office.desk.call('task_update', { taskId: 'one', fence, action: 'complete' });
    expect(await office.desk.call('swarm_status')).toMatchObject({ reservations: [] });
  });
});

describe('whoever looks', () => {
  test('sees the log, from where it was seen last', async () => {
    const office = await openOffice();
    await submit(office, 'one');
    type Tail = { readonly lines: readonly string[]; readonly nextIndex: number };
    const first = await office.desk.call<Tail>('log_tail', { limit: 5 });
    expect(first.lines).toHaveLength(5);
    await submit(office, 'two');
    const { lines } = await office.desk.call<Tail>('log_tail', { from: first.nextIndex, limit: 200 });
    expect(lines.filter((line) => line.includes('submit'))).toMatchObject([expect.stringContaining('"two"')]);
    expect(lines[0]).toMatch(new RegExp(`^${first.nextIndex} term \\d+ `));
  });

  test('sees the members, and that they hold the same', async () => {
    const { desk } = await openOffice();
    const me = await desk.session.holder();
    type Found = { readonly members: readonly { readonly id: string }[] };
    const found = await eventually('the session’s own node to be let in', async () => {
      const { members } = await desk.call<Found>('members');
      return members.length === 2 ? members : undefined;
    });
    expect(found[0]).toMatchObject({ id: 'raft-manager-1', role: 'leader', voter: true });
    expect(found[1]).toMatchObject({ id: me, voter: false });
    for (const full of [false, true])
      expect(await desk.call('verify', { full })).toMatchObject({ equal: true });
  });

  test('is shown as many tasks as asked for, the latest, of the states asked for', async () => {
    const office = await openOffice();
    await submit(office, 'one', 'two', 'three');
    await office.desk.call('task_update', { taskId: 'three', action: 'cancel' });
    expect(await office.desk.call('task_list', { limit: 1, state: ['queued'] })).toMatchObject({
      tasks: [{ taskId: 'two', state: 'queued' }],
      total: 2,
    });
  });
});

describe('wrong input', () => {
  test.each([
    {
      why: 'a field that there is not',
      tool: 'task_next',
      input: { id: 'x' },
      says: 'Unrecognized key: "id"',
    },
    { why: 'of another type', tool: 'task_list', input: { limit: '3' }, says: 'limit: ' },
    { why: 'no work', tool: 'task_submit', input: { tasks: [{ id: 'x' }] }, says: 'a prompt or a run' },
    { why: 'no tasks', tool: 'task_submit', input: { tasks: [] }, says: 'tasks: ' },
    {
      why: 'no id',
      tool: 'task_submit',
      input: { tasks: [{ id: 'x y', prompt: 'p' }] },
      says: 'tasks[0].id: 1 to 64 of',
    },
    {
      why: 'no fence',
      tool: 'task_update',
      input: { taskId: 'one', action: 'complete' },
      says: 'needs the fence',
    },
    {
      why: 'no note',
      tool: 'task_update',
      input: { taskId: 'one', action: 'note', fence: 1 },
      says: 'text: ',
    },
    {
      why: 'a path outside',
      tool: 'files_reserve',
      input: { paths: ['../x'] },
      says: 'inside the repository',
    },
    {
      why: 'a fence without task',
      tool: 'files_reserve',
      input: { paths: ['a'], fence: 1 },
      says: 'go together',
    },
    { why: 'too long a wait', tool: 'task_next', input: { waitSeconds: 1e9 }, says: 'waitSeconds: ' },
  ])('is refused, and nothing changes: $why', async ({ tool, input, says }) => {
    const office = await openOffice();
    await submit(office, 'one');
    await office.desk.session.holder();
    const { content, isError } = await office.desk.ask(tool, input);
    expect({ content, isError }).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^BAD_INPUT: .*\nNext: Correct the arguments/) }],
    });
    expect(content).toMatchObject([{ text: expect.stringContaining(says) }]);
    expect(await office.desk.call('swarm_status')).toMatchObject({ tasks: { queued: 1 }, reservations: [] });
  });

  test.each([
    { why: 'of nobody', update: { action: 'complete' }, fence: () => 1 },
    { why: 'of another time', update: { action: 'fail', text: 'x' }, fence: (fence: number) => fence - 1 },
    { why: 'to come', update: { action: 'note', text: 'x' }, fence: (fence: number) => fence + 1 },
    { why: 'to renew', update: { action: 'renew' }, fence: (fence: number) => fence + 1 },
    { why: 'to give back', update: { action: 'release' }, fence: (fence: number) => fence + 1 },
  ])('a fence $why is refused, and the task stays whose it is', async ({ update, fence: wrong }) => {
    const office = await openOffice();
    await submit(office, 'one');
    const { fence } = await take(office);
    const given = { taskId: 'one', ...update, fence: wrong(fence) };
    expect(await office.desk.refusal('task_update', given)).toBe('STALE_FENCE');
    expect(await office.desk.call('swarm_status')).toMatchObject({ held: [{ taskId: 'one', fence }] });
  });

  test('of a tool that there is not is an error of the protocol', async () => {
    const { desk } = await openOffice();
    await expect(desk.ask('task_delete')).rejects.toMatchObject({ code: -32_602 });
  });
});
