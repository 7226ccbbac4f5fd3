import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { colours, noColours } from '../../src/cli/view/paint.ts';
import { runFrame } from '../../src/cli/view/run-frame.ts';
import { runLine } from '../../src/cli/view/run-lines.ts';
import { RunProgress } from '../../src/cli/view/run-progress.ts';
import { reportJson, reportLines } from '../../src/cli/view/run-report.ts';
import type { RunEvent, RunView } from '../../src/cli/view/run-view.ts';
import { plain, width } from '../../src/cli/view/text.ts';
import type { NodeStatus } from '../../src/node/port.ts';
import { nodeId, term } from '../../src/protocol/ids.ts';
import type { Notice } from '../../src/swarm/port.ts';
import type { TaskEvent } from '../../src/tasks/event.ts';
import type { TaskJson } from '../../src/tasks/task.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';

const NO_COUNTS: RunView['counts'] = {
  queued: 0,
  assigned: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  blocked: 0,
  parked: 0,
};

const VIEW: RunView = {
  swarm: 'release',
  coordinator: 'raft-manager-2',
  term: 3,
  elections: 1,
  nodes: [
    { id: 'raft-manager-1', role: 'follower', lag: 4 },
    { id: 'raft-manager-2', role: 'leader', lag: 0 },
    { id: 'raft-manager-3', role: 'down', lag: 90 },
  ],
  counts: { ...NO_COUNTS, completed: 6, running: 2, queued: 3, failed: 1 },
  usage: NO_USAGE,
  running: [
    { taskId: 'pack', title: 'Pack the package', agent: 'raft-manager-1', elapsedMs: 1_250 },
    { taskId: 'sbom', title: 'sbom', agent: 'raft-manager-2', elapsedMs: 61_000 },
  ],
  output: [{ taskId: 'links', source: 'run', text: '\u001B[32m12 links\u001B[0m lead somewhere' }],
  elapsedMs: 12_400,
  phase: 'working',
};

describe('the live view', () => {
  test('shows who coordinates, how far it is, who is where, what runs and what was said', () => {
    expect(runFrame(VIEW, { columns: 90, rows: 24 }, noColours)).toEqual([
      'release · coordinator raft-manager-2 · term 3, 1 election · 12s',
      '███████████████████████░░░░░░░░░░░░░░░░░ 6/12 done · 2 running · 3 waiting · 1 failed',
      'raft-manager-1 follower -4  raft-manager-2 leader  raft-manager-3 down',
      '▸ pack  raft-manager-1     1.3s  Pack the package',
      '▸ sbom  raft-manager-2     1:01',
      '',
      'links │ 12 links lead somewhere',
    ]);
  });

  test('says that there is no coordinator, and that it stops', () => {
    const [head] = runFrame(
      { ...VIEW, coordinator: undefined, elections: 2, phase: 'stopping' },
      { columns: 120, rows: 9 },
      noColours,
    );
    expect(head).toBe(
      'release · electing a coordinator · term 3, 2 elections · 12s · stopping, Ctrl-C again to stop at once',
    );
  });

  test('names how many more run than there is room for', () => {
    const running = Array.from({ length: 30 }, (_, index) => ({
      taskId: `t${index}`,
      title: `t${index}`,
      agent: 'n1',
      elapsedMs: 0,
    }));
    const lines = runFrame({ ...VIEW, running, output: [] }, { columns: 80, rows: 9 }, noColours);
    expect(lines.slice(3)).toEqual([
      ...['t0', 't1', 't2', 't3'].map((id) => `▸ ${id}  n1     0.0s`),
      '  and 26 more',
    ]);
  });

  test.each([
    { why: 'nothing done', counts: { queued: 200 }, bar: '░'.repeat(40) },
    { why: 'one of many failed', counts: { queued: 199, failed: 1 }, bar: `█${'░'.repeat(39)}` },
    { why: 'not full before the end', counts: { queued: 1, completed: 199 }, bar: `${'█'.repeat(39)}░` },
    { why: 'all done', counts: { completed: 200 }, bar: '█'.repeat(40) },
  ])('draws a bar: $why', ({ counts, bar }) => {
    const view = { ...VIEW, counts: { ...NO_COUNTS, ...counts } };
    expect(runFrame(view, { columns: 400, rows: 9 }, noColours)[1]?.split(' ')[0]).toBe(bar);
  });

  test('is never wider or higher than the terminal, whatever it shows', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    const views = fc.record({
      swarm: text,
      id: text,
      title: text,
      said: text,
      lag: fc.nat(),
      count: fc.nat(40),
    });
    const sizes = fc.record({
      columns: fc.integer({ min: 1, max: 140 }),
      rows: fc.integer({ min: 2, max: 40 }),
    });
    fc.assert(
      fc.property(views, sizes, ({ swarm, id, title, said, lag, count }, size) => {
        const many = <T>(item: T): readonly T[] => Array.from({ length: count }, () => item);
        const view: RunView = {
          ...VIEW,
          swarm,
          coordinator: id,
          nodes: many({ id, role: 'follower', lag }),
          running: many({ taskId: id, title, agent: id, elapsedMs: lag }),
          output: many({ taskId: id, source: 'run', text: said }),
        };
        const lines = runFrame(view, size, colours);
        expect(lines.length).toBeLessThan(size.rows);
        for (const line of lines) expect(width(plain(line))).toBeLessThanOrEqual(size.columns);
      }),
    );
  });

  test('lets no output drive the terminal', () => {
    const output = [{ taskId: 'a', source: 'run' as const, text: '\u001B[2J\u001B]0;owned\u0007gone' }];
    expect(runFrame({ ...VIEW, output }, { columns: 80, rows: 24 }, noColours).at(-1)).toBe('a │ gone');
  });
});

describe('the plain lines', () => {
  const task = { taskId: 'pack', title: 'Pack it', agent: 'n1' };

  test.each<{ event: RunEvent; line: string }>([
    {
      event: { type: 'elected', coordinator: 'n2', term: 4 },
      line: 'elected    n2 is the coordinator in term 4',
    },
    { event: { type: 'node', id: 'n3', change: 'registered' }, line: 'joined     n3 is ready to work' },
    { event: { type: 'node', id: 'n3', change: 'gone' }, line: 'left       n3 has gone' },
    { event: { ...task, type: 'assigned', elapsedMs: undefined }, line: 'assigned   pack (Pack it), n1' },
    { event: { ...task, type: 'running', title: 'pack', elapsedMs: undefined }, line: 'running    pack, n1' },
    { event: { ...task, type: 'finished', elapsedMs: 1_500 }, line: 'completed  pack (Pack it), n1, 1.5s' },
    {
      event: { ...task, type: 'cancelled', agent: '', elapsedMs: undefined },
      line: 'cancelled  pack (Pack it)',
    },
    {
      event: { ...task, type: 'failed', reason: 'exit code 2' },
      line: 'failed     pack (Pack it), n1: exit code 2',
    },
    {
      event: { ...task, type: 'retry', reason: 'exit code 75' },
      line: 'retry      pack (Pack it), n1: exit code 75',
    },
    { event: { ...task, type: 'returned', reason: '' }, line: 'returned   pack (Pack it), n1' },
    {
      event: { ...task, type: 'blocked', agent: '', reason: 'its dependency a failed' },
      line: 'blocked    pack (Pack it): its dependency a failed',
    },
    {
      event: { type: 'output', taskId: 'pack', source: 'pre', text: 'hello\u001B[2J' },
      line: 'output     pack pre | hello',
    },
    { event: { type: 'paused', reason: 'lunch' }, line: 'paused     no new assignments: lunch' },
    { event: { type: 'resumed' }, line: 'resumed    tasks are assigned again' },
    {
      event: { type: 'stopping' },
      line: 'stopping   running tasks are brought to an end; Ctrl-C again to stop at once',
    },
  ])('$line', ({ event, line }) => {
    expect(runLine(event)).toBe(line);
  });
});

const TASK: TaskJson = {
  id: 'pack',
  title: 'Pack it',
  state: 'completed',
  agent: 'n1',
  attempts: 1,
  failures: 0,
  losses: 0,
  fence: 7,
  exitCode: 0,
  startedAt: 10_000,
  endedAt: 11_500,
  output: 'packed\n',
  reason: '',
  notBefore: null,
  priority: 'normal',
  requires: [],
  dependsOn: [],
  hooks: [],
  notes: [],
  submittedIndex: 3,
  finishedIndex: 9,
  code: null,
  usage: null,
  turn: null,
};

const HOOK = { exitCode: 0, durationMs: 5, stdout: '', stderr: '' } as const;

test('the live view says what the run has cost, once it has', () => {
  const usage = { ...NO_USAGE, costMicros: 1_250_000 };
  const [head] = runFrame({ ...VIEW, usage }, { columns: 90, rows: 24 }, noColours);
  expect(head).toBe('release · coordinator raft-manager-2 · term 3, 1 election · 12s · $1.25');
});

describe('what the log says, told to people', () => {
  const role = (at: number, leader?: string): Notice => {
    const status = { term: term(at), leaderId: leader === undefined ? undefined : nodeId(leader) };
    return { type: 'role', status: status as NodeStatus };
  };
  const change = (from: TaskJson['state'], to: TaskJson['state'], record: Partial<TaskJson> = {}): Notice => {
    const event: TaskEvent = {
      type: 'task',
      taskId: 'pack',
      from,
      to,
      agent: 'n1',
      fence: 7,
      reason: record.reason ?? '',
    };
    return { type: 'applied', index: 9, events: [event], tasks: [{ ...TASK, state: to, ...record }] };
  };
  const follow = (...notices: readonly Notice[]) => {
    const progress = new RunProgress({ swarm: 'release', startedAt: 0 });
    const told = notices.flatMap((notice) => progress.take(notice));
    return { told: told.map(runLine), view: progress.view(12_000) };
  };

  test('an attempt: assigned, running, what it printed, completed', () => {
    const hooks = [
      { ...HOOK, hook: 'pre', outcome: 'succeeded', stdout: 'before\n', stderr: 'careful\n' },
      { ...HOOK, hook: 'post', outcome: 'succeeded', stdout: 'after\n' },
    ] as const;
    const { told, view } = follow(
      change('queued', 'assigned', { output: 'of an earlier attempt' }),
      change('assigned', 'running', { endedAt: null }),
      change('running', 'completed', { hooks }),
    );
    expect(told).toEqual([
      'assigned   pack (Pack it), n1',
      'running    pack (Pack it), n1',
      'output     pack pre | before',
      'output     pack pre | careful',
      'output     pack run | packed',
      'output     pack post | after',
      'completed  pack (Pack it), n1, 1.5s',
    ]);
    expect(view.counts).toEqual({ ...NO_COUNTS, completed: 1 });
    expect(view.output.map(({ text }) => text)).toEqual(['before', 'careful', 'packed', 'after']);
  });

  const said = (text: string): Notice => ({
    type: 'applied',
    index: 9,
    events: [{ type: 'output', taskId: 'pack', agent: 'n1', fence: 7, text }],
    tasks: [],
  });

  test('what an executor says is told as it comes, and not again at the end', () => {
    const { told, view } = follow(
      change('assigned', 'running', { endedAt: null }),
      said('reading\n\nthinking\n'),
      said('half a li'),
      change('running', 'completed', { output: 'thinking\ndone' }),
      said('of the next attempt'),
    );
    expect(told).toEqual([
      'running    pack (Pack it), n1',
      'output     pack run | reading',
      'output     pack run | thinking',
      'output     pack run | half a li',
      'output     pack run | done',
      'completed  pack (Pack it), n1, 1.5s',
      'output     pack run | of the next attempt',
    ]);
    expect(view.output).toHaveLength(5);
  });

  test('the next attempt is heard from its beginning', () => {
    const { told } = follow(
      said('again'),
      change('running', 'queued', { output: 'again', notBefore: 99 }),
      change('assigned', 'running', { endedAt: null }),
      change('running', 'completed', { output: 'again' }),
    );
    expect(told.filter((line) => line.endsWith('| again'))).toHaveLength(2);
  });

  test.each([
    {
      exhausted: '12 of 10 tokens are used up',
      line: /^budget {5}used up, no new assignments: 12 of 10 tokens/,
    },
    { exhausted: undefined, line: /^budget {5}there is some again/ },
  ])('the budget: $exhausted', ({ exhausted, line }) => {
    const { told } = follow({
      type: 'applied',
      index: 9,
      events: [{ type: 'budget', exhausted }],
      tasks: [],
    });
    expect(told).toEqual([expect.stringMatching(line)]);
  });

  test.each([
    {
      why: 'a failure that is tried again',
      notice: change('running', 'queued', { output: '', reason: 'exit code 75', notBefore: 99 }),
      line: 'retry      pack (Pack it), n1: exit code 75',
    },
    {
      why: 'a worker that vanished',
      notice: change('assigned', 'queued', { reason: 'its worker is gone' }),
      line: 'returned   pack (Pack it), n1: its worker is gone',
    },
    {
      why: 'the last failure',
      notice: change('running', 'failed', { output: '', reason: 'exit code 1' }),
      line: 'failed     pack (Pack it), n1: exit code 1',
    },
    {
      why: 'a gate',
      notice: change('queued', 'parked', { reason: 'waits for approval' }),
      line: 'parked     pack (Pack it), n1: waits for approval',
    },
  ])('$why', ({ notice, line }) => {
    expect(follow(notice).told).toEqual([line]);
  });

  test('a task that waits again after a block is no news', () => {
    expect(follow(change('blocked', 'queued')).told).toEqual([]);
  });

  test('long output is cut short', () => {
    const { told } = follow(change('running', 'completed', { output: 'line\n'.repeat(60) }));
    expect(told.at(-2)).toBe('output     pack run | … and 10 more lines');
  });

  test.each([
    { why: 'the first', notices: [role(1, 'n1')], leader: 'n1', elections: 1 },
    { why: 'the same, told by another', notices: [role(1, 'n1'), role(1, 'n1')], leader: 'n1', elections: 1 },
    { why: 'known before its leader is', notices: [role(1), role(1, 'n1')], leader: 'n1', elections: 1 },
    { why: 'a successor', notices: [role(1, 'n1'), role(2), role(2, 'n2')], leader: 'n2', elections: 2 },
    { why: 'none yet', notices: [role(1, 'n1'), role(2)], leader: undefined, elections: 1 },
    { why: 'old news', notices: [role(2, 'n2'), role(1, 'n1')], leader: 'n2', elections: 1 },
    {
      why: 'a link that was lost for a moment',
      notices: [role(1, 'n1'), role(1), role(1, 'n1')],
      leader: 'n1',
      elections: 1,
    },
  ])('a coordinator: $why', ({ notices, leader, elections }) => {
    const { view } = follow(...notices);
    expect(view).toMatchObject({ coordinator: leader, elections });
  });

  test('what runs, for how long', () => {
    const { view } = follow(change('assigned', 'running', { startedAt: 10_000, endedAt: null }));
    expect(view.running).toEqual([{ taskId: 'pack', title: 'Pack it', agent: 'n1', elapsedMs: 2_000 }]);
  });

  test('tasks that history has forgotten no longer count', () => {
    const progress = new RunProgress({ swarm: 'release', startedAt: 0 });
    progress.setTasks([TASK, { ...TASK, id: 'sbom' }]);
    progress.take({
      type: 'applied',
      index: 9,
      events: [{ type: 'task-forgotten', taskId: 'pack' }],
      tasks: [],
    });
    expect(progress.tasks.map(({ id }) => id)).toEqual(['sbom']);
  });
});

test('the report says what was used up, and what to do when there is no budget left', () => {
  const usage = { ...NO_USAGE, turns: 2, inputTokens: 100, costMicros: 500_000 };
  const report = {
    swarm: 'release',
    coordinator: 'n2',
    term: 3,
    elections: 1,
    durationMs: 12_400,
    tasks: [
      { ...TASK, usage },
      { ...TASK, id: 'sbom', state: 'queued' as const },
    ],
    exhausted: '$0.5000 of $0.5000 are spent',
  };
  const lines = reportLines(report, { resume: 'again' });
  expect(lines).toContain('used 2 turns, 100 tokens, $0.5000');
  expect(lines).toContain(
    'the budget is used up ($0.5000 of $0.5000 are spent): raise it with --budget-usd or --budget-tokens',
  );
  expect(reportJson(report)).toMatchObject({ usage, budgetExhausted: '$0.5000 of $0.5000 are spent' });
});

describe('the report', () => {
  const run = {
    swarm: 'release',
    coordinator: 'n2',
    term: 3,
    elections: 1,
    durationMs: 12_400,
    exhausted: null,
  };
  const resume = 'raft-manager run release.yaml --resume';

  test('of a run in which all went well', () => {
    expect(
      reportLines({ ...run, tasks: [TASK, { ...TASK, id: 'sbom', agent: 'n2', attempts: 2 }] }, { resume }),
    ).toEqual([
      'TASK  STATE      AGENT  ATTEMPTS  SECONDS',
      'pack  completed  n1            1      1.5',
      'sbom  completed  n2            2      1.5',
      '',
      '2 completed in 12s (coordinator n2, term 3)',
    ]);
  });

  test('says why something failed and what to do', () => {
    const failed: TaskJson = {
      ...TASK,
      state: 'failed',
      attempts: 3,
      reason: 'exit code 1',
      output: 'no\u001B[2J disk\n',
    };
    const blocked: TaskJson = {
      ...TASK,
      id: 'stage',
      state: 'blocked',
      agent: null,
      attempts: 0,
      startedAt: null,
      endedAt: null,
    };
    expect(reportLines({ ...run, tasks: [failed, blocked] }, { resume })).toEqual([
      'TASK   STATE    AGENT  ATTEMPTS  SECONDS',
      'pack   failed   n1            3      1.5',
      'stage  blocked  -             0        -',
      '',
      '1 failed, 1 blocked in 12s (coordinator n2, term 3)',
      '',
      'pack failed: exit code 1',
      '  no disk',
      '',
      `→ when the cause is mended, go on with the rest: ${resume}`,
    ]);
  });

  test('shows the hook that failed, and of much output the end', () => {
    const hooks = [{ ...HOOK, hook: 'pre', outcome: 'failed', stderr: 'not allowed\n' }] as const;
    const failed: TaskJson = { ...TASK, state: 'failed', reason: 'the pre hook failed', hooks, output: '' };
    const noisy: TaskJson = {
      ...TASK,
      state: 'failed',
      output: Array.from({ length: 99 }, (_, line) => `line ${line}`).join('\n'),
    };
    const text = reportLines({ ...run, tasks: [failed, noisy] }, { resume }).join('\n');
    expect(text).toContain('pack failed: the pre hook failed\n  pre hook failed\n  not allowed\n');
    expect(text).toContain('pack failed\n  line 89\n');
  });

  test.each([
    { why: 'stopped by a person', task: { state: 'queued' }, hint: `→ go on with what is left: ${resume}` },
    {
      why: 'parked',
      task: { state: 'parked', reason: 'lost five workers' },
      hint: '→ pack waits for a person: lost five workers',
    },
  ] as const)('of a run that was $why', ({ task, hint }) => {
    expect(reportLines({ ...run, coordinator: null, tasks: [{ ...TASK, ...task }] }, { resume })).toContain(
      hint,
    );
  });

  test('for machines', () => {
    const { exhausted, ...facts } = run;
    expect(reportJson({ ...run, tasks: [TASK, { ...TASK, state: 'failed' }] })).toEqual({
      ...facts,
      budgetExhausted: exhausted,
      usage: NO_USAGE,
      tasks: [TASK, { ...TASK, state: 'failed' }],
      summary: { completed: 1, failed: 1, cancelled: 0, blocked: 0, parked: 0 },
    });
  });
});
