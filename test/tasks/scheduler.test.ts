import { beforeEach, describe, expect, test } from 'vitest';
import { PROMPT_WORK } from '../../src/tasks/task.ts';
import { Log } from './log.ts';

let log: Log;
beforeEach(() => {
  log = new Log();
});

const planned = () => log.machine.plan(log.at).map(({ taskId, instanceId }) => `${taskId}→${instanceId}`);

describe('plan', () => {
  test('priority first, then order of submission; medium is normal', () => {
    log.submit(
      { id: 'low', priority: 'low' },
      { id: 'medium', priority: 'medium' },
      { id: 'normal' },
      { id: 'critical', priority: 'critical', requires: ['x'] },
      { id: 'high', priority: 'high' },
    );
    log.register('w1', { capabilities: ['x'] });
    expect(planned()).toEqual(['critical→w1', 'high→w1', 'medium→w1', 'normal→w1', 'low→w1']);
    expect(log.machine.readyTasks(log.at)).toEqual(['critical', 'high', 'medium', 'normal', 'low']);
  });

  test('each to the one least loaded for its size', () => {
    log.submit('a', 'b', 'c', 'd', 'e', 'f', 'g');
    log.register('small', { capacity: 2 });
    log.register('large', { capacity: 4 });
    expect(planned()).toEqual(['a→small', 'b→large', 'c→large', 'd→small', 'e→large', 'f→large']);
  });

  test('nobody who is absent, though there be nobody else', () => {
    log.submit('a', { id: 'b', requires: ['x'] });
    log.register('near');
    log.register('far', { capabilities: ['x'] });
    expect(log.machine.plan(log.at, new Set(['far']))).toEqual([{ taskId: 'a', instanceId: 'near' }]);
  });

  test('every capability a task requires, or it waits without holding up others', () => {
    log.submit({ id: 'both', requires: ['x', 'y'] }, { id: 'one', requires: ['y'] }, { id: 'none' });
    log.register('w1', { capabilities: ['x'] });
    log.register('w2', { capabilities: ['y', 'z'] });
    expect(planned()).toEqual(['one→w2', 'none→w1']);
    log.register('w3', { capabilities: ['y', 'x'] });
    expect(planned()).toEqual(['both→w3', 'one→w2', 'none→w1']);
  });

  test('a prompt waits for somebody who can follow one: an instance that says so, or a claim', () => {
    log.submit({ id: 'ask', prompt: 'look' }, { id: 'both', prompt: 'look', run: 'true' });
    log.register('w1');
    expect(planned()).toEqual(['both→w1']);
    log.register('w2', { capabilities: [PROMPT_WORK] });
    expect(planned()).toEqual(['ask→w2', 'both→w1']);
    const claimant = { id: 'me', capabilities: [] };
    expect(log.ok({ kind: 'claim', requestId: 'r', claimant })).toMatchObject({ taskId: 'ask' });
  });

  test.each([
    { why: 'nobody is there', arrange: () => undefined, plan: [] },
    {
      why: 'the swarm is paused',
      arrange: () => {
        log.register('w');
        log.ok({ kind: 'pause' });
      },
      plan: [],
    },
    {
      why: 'the swarm goes on',
      arrange: () => {
        log.register('w');
        log.ok({ kind: 'pause' });
        log.ok({ kind: 'resume' });
      },
      plan: ['a→w', 'b→w', 'c→w'],
    },
    {
      why: 'the cap leaves room for one',
      arrange: () => {
        log.register('w');
        log.ok({ kind: 'configure', maxActive: 2 });
        log.claim('a');
      },
      plan: ['b→w'],
    },
    {
      why: 'the cap was lowered below what runs',
      arrange: () => {
        log.register('w');
        log.claim('a');
        log.claim('b');
        log.ok({ kind: 'configure', maxActive: 1 });
      },
      plan: [],
    },
    {
      why: 'there is none for whoever takes by itself',
      arrange: () => {
        log.ok({ kind: 'raise-level', level: 3 });
        log.register('w', { capacity: 0 });
      },
      plan: [],
    },
    { why: 'capacity is one', arrange: () => log.register('w', { capacity: 1 }), plan: ['a→w'] },
  ])('brakes: $why', ({ arrange, plan }) => {
    log.submit('a', 'b', 'c');
    arrange();
    expect(planned()).toEqual(plan);
  });

  test('a thousand at most, so that the command stays small', () => {
    for (let part = 0; part < 2; part++) {
      log.submit(...Array.from({ length: 1_000 }, (_, at) => `t${part}-${at}`));
      log.register(`w${part}`, { capacity: 1_000 });
    }
    expect(planned().length).toBe(1_000);
    log.ok({ kind: 'assign', assignments: log.machine.plan(log.at) });
    expect([log.machine.counts.assigned, planned().length]).toEqual([1_000, 1_000]);
  });
});

describe('time', () => {
  test('a task that pauses is planned when its time has come, and says when that is', () => {
    log.submit('a', 'b');
    log.register('w');
    log.failOnce('a');
    const due = log.at + 500;
    expect([planned(), log.machine.nextWakeUp(log.at)]).toEqual([['b→w'], due]);
    expect([log.machine.readyTasks(due), log.machine.nextWakeUp(due)]).toEqual([['a', 'b'], undefined]);
  });

  test('a proposer whose clock runs ahead makes nobody forget the pause', () => {
    log.submit('a');
    log.failOnce('a');
    const { at } = log;
    log.at += 10_000_000;
    log.submit('b');
    expect(log.machine.readyTasks(log.at)).toEqual(['a', 'b']);
    expect([log.machine.readyTasks(at), log.machine.nextWakeUp(at)]).toEqual([['b'], at + 500]);
    log.at = at;
    expect(
      log.code({ kind: 'claim', requestId: 'r', claimant: { id: 'w', capabilities: [] }, taskId: 'a' }),
    ).toBe('NOT_CLAIMABLE');
  });

  test('asking changes nothing that others could see', () => {
    log.submit('a');
    log.failOnce('a');
    const before = log.machine.stateHash;
    log.machine.plan(log.at + 1_000_000);
    log.machine.readyTasks(0);
    expect(log.machine.stateHash).toBe(before);
  });
});

describe('assignments are checked again when they are applied', () => {
  test.each([
    { why: 'there is no such task', item: { taskId: 'nope', instanceId: 'w' } },
    { why: 'there is no instance gone', item: { taskId: 'a', instanceId: 'gone' } },
    { why: 'taken is running', item: { taskId: 'taken', instanceId: 'w' } },
    { why: 'later waits for a', item: { taskId: 'later', instanceId: 'w' } },
    { why: 'paused pauses after a failure for 500 ms more', item: { taskId: 'paused', instanceId: 'w' } },
    { why: 'w has not all that special requires: x', item: { taskId: 'special', instanceId: 'w' } },
    { why: 'full works on 1 already', item: { taskId: 'a', instanceId: 'full' } },
  ])('$why', ({ why, item }) => {
    log.submit(
      'a',
      'taken',
      'busy',
      'paused',
      { id: 'later', dependsOn: ['a'] },
      { id: 'special', requires: ['x'] },
    );
    log.register('w');
    log.register('full', { capacity: 1 });
    log.claim('busy', 'full');
    log.claim('taken');
    log.failOnce('paused');
    const before = [...log.machine.tasks.values()];
    expect(log.ok({ kind: 'assign', assignments: [item] })).toEqual({
      assigned: [],
      skipped: [{ taskId: item.taskId, why }],
    });
    expect([...log.machine.tasks.values()]).toEqual(before);
  });

  test('nothing new begins while the swarm is paused', () => {
    log.submit('a');
    log.register('w');
    const assignments = log.machine.plan(log.at);
    expect(log.apply({ kind: 'pause', reason: 'look' }).events).toEqual([{ type: 'paused', reason: 'look' }]);
    expect(log.ok({ kind: 'assign', assignments }).skipped).toEqual([
      { taskId: 'a', why: 'the swarm is paused' },
    ]);
    expect(log.apply({ kind: 'resume' }).events).toEqual([{ type: 'resumed' }]);
    expect(log.apply({ kind: 'resume' }).events, 'twice is once').toEqual([]);
  });

  test('the second of two plans for one task finds it taken', () => {
    log.submit('a');
    log.register('w1');
    log.register('w2');
    log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w1' }] });
    const { skipped } = log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w2' }] });
    expect(skipped).toEqual([{ taskId: 'a', why: 'a is assigned' }]);
  });
});
