import { describe, expect, test } from 'vitest';
import { changedLines, type Look } from '../../src/cli/view/status-changes.ts';
import { briefLine, statusLines } from '../../src/cli/view/status-view.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { configuration } from '../../src/protocol/state.ts';
import type { Census, NodeJson } from '../../src/swarm/census.ts';
import { noTasks } from '../../src/tasks/task.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';

const ids = (text: string): NodeId[] => text.split(' ') as NodeId[];

function node(id: string, given: Partial<NodeJson> = {}): NodeJson {
  return {
    id,
    agent: 'agent',
    url: `ws://localhost/${id}`,
    pid: 1,
    host: 'localhost',
    role: 'follower',
    quarantined: null,
    voter: true,
    member: true,
    term: 3,
    commitIndex: 90,
    appliedIndex: 88,
    lag: 2,
    lastContactMs: 12.4,
    progress: { mode: 'replicate', matchIndex: 87 as never, lag: 3, inFlight: 4 },
    snapshotIndex: 60,
    firstIndex: 41,
    repairing: null,
    ...given,
  };
}

const LEADER = node('a', { role: 'leader', lastContactMs: null, progress: null });

function look(given: Partial<Census> = {}, overview: Look['overview'] = overviewOf({})): Look {
  const census: Census = {
    swarm: 'test',
    clusterId: 'cluster',
    coordinator: 'a',
    term: 3,
    elections: 1,
    quorum: true,
    configuration: configuration(ids('a b')),
    nodes: [LEADER, node('b')],
    ...given,
  };
  return { census, overview };
}

function overviewOf(counts: Partial<ReturnType<typeof noTasks>>, paused: string | null = null) {
  const budget = { maxTokens: null, maxCostUsd: null, exhausted: null };
  return { paused, counts: { ...noTasks(), ...counts }, usage: NO_USAGE, budget };
}

const lines = ({ census, overview }: Look): readonly string[] => statusLines(census, overview, {});

describe('the status', () => {
  test('tells of each node how far it is, as itself and as its leader says', () => {
    expect(lines(look())).toEqual([
      'swarm test  coordinator a  term 3  quorum',
      'tasks none',
      '',
      'NODE  ROLE      VOTER  TERM  COMMIT  APPLIED  LAG  MODE       MATCH  FLYING  HEARD  FIRST  SNAPSHOT  PID  URL',
      'a     leader    yes       3      90       88    2  -              -       -      -     41        60    1  ws://localhost/a',
      'b     follower  yes       3      90       88    2  replicate     87       4  12 ms     41        60    1  ws://localhost/b',
    ]);
  });

  test.each<{ why: string; seen: Look; says: string | RegExp }>([
    {
      why: 'a joint phase',
      seen: look({ configuration: { ...configuration(ids('a c')), votersOutgoing: ids('a b') } }),
      says: 'joint: from a, b to a, c',
    },
    {
      why: 'no quorum, and nobody can be asked',
      seen: { ...look({ coordinator: null, quorum: false }), overview: undefined },
      says: /coordinator none.*NO QUORUM\ntasks unknown/,
    },
    {
      why: 'a removed instance',
      seen: look({ nodes: [LEADER, node('x', { role: 'down', member: false, voter: false })] }),
      says: /^x +down +no member/m,
    },
    {
      why: 'tasks and brakes',
      seen: look({}, overviewOf({ queued: 2, running: 1 }, 'lunch')),
      says: 'paused: lunch\ntasks 2 queued, 1 running',
    },
    {
      why: 'what was used up, of what',
      seen: look(
        {},
        {
          ...overviewOf({}),
          usage: { ...NO_USAGE, turns: 3, inputTokens: 900, outputTokens: 100, costMicros: 12_000 },
          budget: { maxTokens: 5_000, maxCostUsd: 2, exhausted: null },
        },
      ),
      says: /quorum\nusage 3 turns, 1000 tokens, \$0\.0120 of 5000 tokens and \$2\.00\ntasks/,
    },
    {
      why: 'that there is no budget any more',
      seen: look(
        {},
        {
          ...overviewOf({ queued: 1 }),
          budget: { maxTokens: 10, maxCostUsd: null, exhausted: '12 of 10 tokens are used up' },
        },
      ),
      says: /BUDGET USED UP: 12 of 10 tokens are used up; no new work until "raft-manager swarm budget"/,
    },
  ])('shows $why', ({ seen, says }) => {
    expect(lines(seen).join('\n')).toMatch(says);
  });
});

describe('the status in one line', () => {
  test.each<{ why: string; seen: Look; line: string }>([
    { why: 'all is well', seen: look(), line: 'quorum: coordinator a, term 3, 2 of 2 voters up' },
    {
      why: 'a voter is down, a learner does not count',
      seen: look({
        nodes: [LEADER, node('b', { role: 'down' }), node('c', { role: 'learner', voter: false })],
      }),
      line: 'quorum: coordinator a, term 3, 1 of 2 voters up',
    },
    {
      why: 'nothing can be decided',
      seen: look({ coordinator: null, quorum: false, nodes: [node('a'), node('b', { role: 'down' })] }),
      line: 'NO QUORUM: coordinator none, term 3, 1 of 2 voters up',
    },
    {
      why: 'voters are changing',
      seen: look({ configuration: { ...configuration(ids('a c')), votersOutgoing: ids('a b') } }),
      line: 'quorum: coordinator a, term 3, 2 of 2 voters up, joint',
    },
  ])('says $why', ({ seen, line }) => {
    expect(briefLine(seen.census)).toBe(line);
  });
});

describe('what has changed between two looks', () => {
  test('at first, everything', () => {
    expect(changedLines(undefined, look())).toEqual([
      'coordinator a in term 3, quorum',
      'voters a b',
      'paused no',
      'budget open',
      'tasks none',
      'a leader',
      'b follower',
    ]);
  });

  test.each<{ why: string; now: Look; told: readonly string[] }>([
    {
      why: 'how far they are, is no news',
      now: look({ nodes: [LEADER, node('b', { commitIndex: 99, appliedIndex: 99, lastContactMs: 3 })] }),
      told: [],
    },
    {
      why: 'another coordinator',
      now: look({ coordinator: 'b', term: 4 }),
      told: ['coordinator b in term 4, quorum'],
    },
    {
      why: 'one is down',
      now: look({ nodes: [LEADER, node('b', { role: 'down', progress: null })] }),
      told: ['b down'],
    },
    {
      why: 'one is sent a snapshot',
      now: look({
        nodes: [
          LEADER,
          node('b', { progress: { mode: 'snapshot', matchIndex: 0 as never, lag: 90, inFlight: 0 } }),
        ],
      }),
      told: ['b follower, snapshot'],
    },
    {
      why: 'voters change',
      now: look({ configuration: { ...configuration(ids('a c')), votersOutgoing: ids('a b') } }),
      told: ['voters a c, from a b'],
    },
    { why: 'a member elsewhere has left', now: look({ nodes: [LEADER] }), told: ['b gone'] },
    {
      why: 'tasks',
      now: look({}, overviewOf({ completed: 3 }, 'lunch')),
      told: ['paused lunch', 'tasks 3 completed'],
    },
  ])('$why', ({ now, told }) => {
    expect(changedLines(look(), now)).toEqual(told);
  });
});
