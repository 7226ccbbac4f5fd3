import { expect, test } from 'vitest';
import type { RunDisplay } from '../../src/cli/run/run-display.ts';
import { RunSession } from '../../src/cli/run/run-session.ts';
import type { SwarmClient } from '../../src/swarm/client.ts';
import type { Notice } from '../../src/swarm/port.ts';
import type { TaskJson, TaskState } from '../../src/tasks/task.ts';

const silentDisplay: RunDisplay = {
  elections: 0,
  wantsCensus: false,
  onNotice: () => undefined,
  onTasks: () => undefined,
  onSupervisor: () => undefined,
  onCensus: () => undefined,
  onStopping: () => undefined,
  close: () => undefined,
};

function task(id: string, state: TaskState): TaskJson {
  return {
    id,
    title: id,
    state,
    agent: null,
    attempts: 1,
    failures: 0,
    losses: 0,
    fence: null,
    exitCode: null,
    startedAt: null,
    endedAt: null,
    output: '',
    reason: '',
    notBefore: null,
    priority: 'normal',
    requires: [],
    dependsOn: [],
    hooks: [],
    notes: [],
    submittedIndex: 1,
    finishedIndex: null,
    code: null,
    usage: null,
    turn: null,
  };
}

const OPEN = { budget: { maxTokens: null, maxCostUsd: null, exhausted: null } };

const completed = (id: string): Notice => ({
  type: 'applied',
  index: 9,
  events: [],
  tasks: [task(id, 'completed')],
});

/** A session whose list of tasks is answered by `answer`, which may let notices overtake it. */
function sessionWith(answer: (session: RunSession) => readonly TaskJson[]): RunSession {
  const client: Pick<SwarmClient, 'execute' | 'query' | 'watch'> = {
    watch: async () => undefined,
    execute: async () => ({ repeated: false }) as never,
    query: async ({ kind }) => (kind === 'overview' ? OPEN : answer(session)) as never,
  };
  const order = {
    key: 'run',
    taskFile: 'tasks.yaml',
    tasks: [{ id: 'one' }, { id: 'two' }] as never,
  };
  const session: RunSession = new RunSession({ client, order, display: silentDisplay, voters: ['n1'] });
  return session;
}

test('a notice that overtakes the list it belongs behind is not undone by it', async () => {
  const session = sessionWith((self) => {
    // One frame carried both: the list was put together before the last task was completed.
    const list = [task('one', 'completed'), task('two', 'running')];
    self.onNotice(completed('two'));
    return list;
  });
  let isSettled = false;
  void session.settled.then(() => {
    isSettled = true;
  });
  await session.begin();
  await Promise.resolve();
  expect(isSettled).toBe(true);
});

test('a run is not over before its last task is', async () => {
  const session = sessionWith(() => [task('one', 'completed'), task('two', 'running')]);
  let isSettled = false;
  void session.settled.then(() => {
    isSettled = true;
  });
  await session.begin();
  await Promise.resolve();
  expect(isSettled).toBe(false);
  session.onNotice(completed('two'));
  await session.settled;
});

test('a run whose budget is used up is over when nothing is at work any more', async () => {
  const session = sessionWith(() => [task('one', 'running'), task('two', 'queued')]);
  let isSettled = false;
  void session.settled.then(() => {
    isSettled = true;
  });
  await session.begin();
  const events = [{ type: 'budget', exhausted: 'all is spent' }] as const;
  session.onNotice({ type: 'applied', index: 8, events, tasks: [] });
  await Promise.resolve();
  expect([isSettled, session.exhausted]).toEqual([false, 'all is spent']);
  session.onNotice(completed('one'));
  await session.settled;
});
