import { beforeEach, describe, expect, test } from 'vitest';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

const states = (...ids: readonly string[]) => ids.map((id) => log.state(id));

describe('submission', () => {
  test.each([
    { why: 'an id twice in one', tasks: [{ id: 'x' }, { id: 'x' }], code: 'DUPLICATE_TASK' },
    { why: 'an id that is known', tasks: [{ id: 'x' }, { id: 'old' }], code: 'DUPLICATE_TASK' },
    {
      why: 'a dependency nobody knows',
      tasks: [{ id: 'x', dependsOn: ['nope'] }],
      code: 'UNKNOWN_DEPENDENCY',
    },
    {
      why: 'a task that waits for itself',
      tasks: [{ id: 'x', dependsOn: ['x'] }],
      code: 'CYCLIC_DEPENDENCY',
    },
    {
      why: 'tasks that wait for each other',
      tasks: [
        { id: 'x', dependsOn: ['y'] },
        { id: 'y', dependsOn: ['old', 'z'] },
        { id: 'z', dependsOn: ['x'] },
      ],
      code: 'CYCLIC_DEPENDENCY',
    },
  ])('is refused as a whole: $why', ({ tasks, code }) => {
    log.submit('old');
    expect(log.code({ kind: 'submit', key: 'k', tasks })).toBe(code);
    expect([...log.machine.tasks.keys()]).toEqual(['old']);
    expect(log.code({ kind: 'submit', key: 'k', tasks: [{ id: 'y' }] }), 'the key is not used up').toBe('ok');
  });

  test('prints the cycle', () => {
    const tasks = [
      { id: 'entry', dependsOn: ['x'] },
      { id: 'x', dependsOn: ['y'] },
      { id: 'y', dependsOn: ['x'] },
    ];
    const { result } = log.apply({ kind: 'submit', key: 'k', tasks });
    expect(result).toMatchObject({ message: 'tasks wait for each other: x → y → x' });
  });

  test('a chain of 2,000 is no cycle, in whichever order it is listed', () => {
    const chain = Array.from({ length: 2_000 }, (_, at) => ({
      id: `t${at}`,
      dependsOn: at === 0 ? [] : [`t${at - 1}`],
    }));
    log.submit(...chain.toReversed());
    expect(log.machine.readyTasks(log.at)).toEqual(['t0']);
  });

  test('the same key twice is one submission', () => {
    const first = log.ok({ kind: 'submit', key: 'k', tasks: [{ id: 'x' }] });
    const again = log.apply({ kind: 'submit', key: 'k', tasks: [{ id: 'other' }] });
    expect(first).toEqual({ taskIds: ['x'], repeated: false });
    expect(again).toEqual({ result: { ok: true, value: { taskIds: ['x'], repeated: true } }, events: [] });
    expect(log.machine.tasks.size).toBe(1);
  });
});

describe('waiting', () => {
  test('a task is ready once all it depends on is completed', () => {
    log.submit('a', 'b', { id: 'c', dependsOn: ['a', 'b'] });
    expect(
      log.code({ kind: 'claim', requestId: 'r', claimant: { id: 'w', capabilities: [] }, taskId: 'c' }),
    ).toBe('NOT_CLAIMABLE');
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a') });
    expect(log.machine.readyTasks(log.at)).toEqual(['b']);
    log.ok({ kind: 'complete', taskId: 'b', fence: log.claim('b') });
    expect(log.machine.readyTasks(log.at)).toEqual(['c']);
  });

  test.each([
    { why: 'fails for good', end: (id: string) => log.failOnce(id) },
    { why: 'is cancelled', end: (id: string) => void log.ok({ kind: 'cancel', taskId: id }) },
  ])('a task whose dependency $why is blocked, and so are those behind it', ({ end }) => {
    log.submit({ id: 'a', retries: 0 }, { id: 'b', dependsOn: ['a'] }, { id: 'c', dependsOn: ['b'] }, 'free');
    end('a');
    expect(states('b', 'c', 'free')).toEqual(['blocked', 'blocked', 'queued']);
    expect(log.task('c')).toMatchObject({ phase: { by: 'b' }, reason: 'its dependency b is blocked' });
    log.ok({ kind: 'retry', taskId: 'a' });
    expect(states('a', 'b', 'c')).toEqual(['queued', 'queued', 'queued']);
    log.ok({ kind: 'complete', taskId: 'a', fence: log.claim('a') });
    expect(log.machine.readyTasks(log.at)).toEqual(['b', 'free']);
  });

  test('a task stays blocked while any dependency stands in its way', () => {
    log.submit('a', 'b', { id: 'c', dependsOn: ['a', 'b'] });
    log.ok({ kind: 'cancel', taskId: 'a' });
    log.ok({ kind: 'cancel', taskId: 'b' });
    log.ok({ kind: 'retry', taskId: 'a' });
    expect(log.task('c').phase).toEqual({ state: 'blocked', by: 'b' });
  });

  test('who submits behind a failed task is blocked from the start', () => {
    log.submit({ id: 'a', retries: 0 });
    log.failOnce('a');
    log.submit({ id: 'c', dependsOn: ['b'] }, { id: 'b', dependsOn: ['a'] });
    expect(states('b', 'c')).toEqual(['blocked', 'blocked']);
  });

  test('retrying a blocked task retries what stands in its way', () => {
    log.submit('a', { id: 'b', dependsOn: ['a'] }, { id: 'c', dependsOn: ['b'] });
    log.ok({ kind: 'cancel', taskId: 'a' });
    log.ok({ kind: 'cancel', taskId: 'b' });
    expect(log.ok({ kind: 'retry', taskId: 'c' })).toEqual({ taskIds: ['b', 'a'] });
    expect(states('a', 'b', 'c')).toEqual(['queued', 'queued', 'queued']);
  });

  test.each(['queued', 'running', 'completed'])('there is nothing to retry about a %s task', (state) => {
    log.submit('a');
    const fence = state === 'queued' ? 0 : log.claim('a');
    if (state === 'completed') log.ok({ kind: 'complete', taskId: 'a', fence });
    expect([log.state('a'), log.code({ kind: 'retry', taskId: 'a' })]).toEqual([state, 'WRONG_STATE']);
  });
});

describe('history', () => {
  const finishMany = (from: number, to: number) => {
    for (let at = from; at < to; at += 1_000) {
      log.submit(...Array.from({ length: 1_000 }, (_, offset) => `t${at + offset}`));
      for (let id = at; id < at + 1_000; id++) log.ok({ kind: 'cancel', taskId: `t${id}` });
    }
  };

  test('drops the oldest finished tasks, but none that an open one depends on', () => {
    log.submit('kept', 'dropped', { id: 'open', dependsOn: ['kept'] });
    log.ok({ kind: 'complete', taskId: 'kept', fence: log.claim('kept') });
    log.ok({ kind: 'complete', taskId: 'dropped', fence: log.claim('dropped') });
    log.submit('late');
    log.ok({ kind: 'complete', taskId: 'late', fence: log.claim('late') });
    log.submit({ id: 'newcomer', dependsOn: ['late'] });
    finishMany(0, 10_000);
    expect([log.machine.tasks.has('kept'), log.machine.tasks.has('dropped')]).toEqual([true, false]);
    expect(log.machine.tasks.has('late'), 'finished before anybody depended on it').toBe(true);
    expect([log.machine.tasks.has('t1'), log.machine.tasks.has('t2')]).toEqual([false, true]);
    log.ok({ kind: 'complete', taskId: 'open', fence: log.claim('open') });
    expect(log.machine.tasks.has('kept'), 'nobody needs it any more, and it is the oldest').toBe(false);
    const { counts } = log.machine;
    expect(counts.completed + counts.cancelled).toBe(10_000);
  });
});
