import { describe, expect, test } from 'vitest';
import { logIndex } from '../../src/protocol/ids.ts';
import {
  type Inflight,
  initialProgress,
  isPaused,
  onAccepted,
  onHeartbeatAnswered,
  onRejected,
  onSent,
  type Progress,
  toProbe,
} from '../../src/raft/progress.ts';

const BOUNDS = { maxInflightAppends: 3, maxInflightBytes: 100 };

function probe(match: number, next: number, state: 'ready' | 'paused' = 'ready'): Progress {
  return {
    mode: 'probe',
    matchIndex: logIndex(match),
    nextIndex: logIndex(next),
    paused: state === 'paused',
  };
}

/** `appends` as `lastIndex` of each, of 10 bytes. */
function replicate(match: number, next: number, appends: readonly number[] = []): Progress {
  const inflight = appends.map((last): Inflight => ({ lastIndex: logIndex(last), bytes: 10 }));
  return { mode: 'replicate', matchIndex: logIndex(match), nextIndex: logIndex(next), inflight };
}

test('a new leader probes at the end of its own log', () => {
  expect(initialProgress(logIndex(7))).toEqual(probe(0, 8));
});

describe('isPaused', () => {
  const heavy: Progress = {
    mode: 'replicate',
    matchIndex: logIndex(1),
    nextIndex: logIndex(3),
    inflight: [{ lastIndex: logIndex(2), bytes: 100 }],
  };
  test.each([
    { why: 'a probe may go out', progress: probe(0, 5), paused: false },
    { why: 'one at a time', progress: probe(0, 5, 'paused'), paused: true },
    { why: 'an empty pipeline', progress: replicate(4, 5), paused: false },
    { why: 'room for one more', progress: replicate(4, 7, [5, 6]), paused: false },
    { why: 'full in messages', progress: replicate(4, 8, [5, 6, 7]), paused: true },
    { why: 'full in bytes', progress: heavy, paused: true },
  ])('$why: $paused', ({ progress, paused }) => {
    expect(isPaused(progress, BOUNDS)).toBe(paused);
  });
});

describe('onSent', () => {
  test.each([
    {
      why: 'a probe waits for its answer',
      before: probe(2, 5),
      last: 9,
      bytes: 50,
      after: probe(2, 5, 'paused'),
    },
    { why: 'an empty probe too', before: probe(2, 5), last: 4, bytes: 0, after: probe(2, 5, 'paused') },
    { why: 'a pipeline moves on', before: replicate(4, 5), last: 6, bytes: 10, after: replicate(4, 7, [6]) },
    {
      why: 'append after append',
      before: replicate(4, 7, [6]),
      last: 8,
      bytes: 10,
      after: replicate(4, 9, [6, 8]),
    },
    {
      why: 'an empty append moves nothing',
      before: replicate(4, 7, [6]),
      last: 6,
      bytes: 0,
      after: replicate(4, 7, [6]),
    },
  ])('$why', ({ before, last, bytes, after }) => {
    expect(onSent(before, { lastIndex: logIndex(last), bytes })).toEqual(after);
  });

  test('a pipeline never sends again what is under way', () => {
    const again = { lastIndex: logIndex(6), bytes: 10 };
    expect(() => onSent(replicate(4, 7, [6]), again)).toThrow(/sends forward/);
  });
});

describe('onAccepted', () => {
  test.each([
    {
      why: 'a probe that agrees opens the pipeline',
      before: probe(0, 8, 'paused'),
      match: 7,
      after: replicate(7, 8),
    },
    { why: 'a probe with entries', before: probe(3, 4, 'paused'), match: 9, after: replicate(9, 10) },
    {
      why: 'a follower whose commit is below the probe starts right behind it',
      before: probe(0, 8, 'paused'),
      match: 5,
      after: replicate(5, 6),
    },
    {
      why: 'what it already held is enough',
      before: probe(3, 8, 'paused'),
      match: 3,
      after: replicate(3, 4),
    },
    {
      why: 'an old answer to a probe changes nothing',
      before: probe(3, 8, 'paused'),
      match: 2,
      after: probe(3, 8, 'paused'),
    },
    {
      why: 'the first of two under way',
      before: replicate(4, 9, [6, 8]),
      match: 6,
      after: replicate(6, 9, [8]),
    },
    { why: 'one answer for all', before: replicate(4, 9, [6, 8]), match: 8, after: replicate(8, 9) },
    { why: 'an answer in between', before: replicate(4, 9, [6, 8]), match: 7, after: replicate(7, 9, [8]) },
    { why: 'an old answer', before: replicate(6, 9, [8]), match: 4, after: replicate(6, 9, [8]) },
    { why: 'the same answer again', before: replicate(6, 9, [8]), match: 6, after: replicate(6, 9, [8]) },
    {
      why: 'further than was sent: it held more already',
      before: replicate(4, 6, [5]),
      match: 9,
      after: replicate(9, 10),
    },
  ])('$why', ({ before, match, after }) => {
    expect(onAccepted(before, logIndex(match), logIndex(0))).toEqual(after);
  });
});

describe('onRejected', () => {
  test.each([
    {
      why: 'back to where the logs may agree',
      before: probe(0, 8, 'paused'),
      at: 7,
      agreement: 4,
      after: probe(0, 5),
    },
    {
      why: 'at least one entry back, whatever the hint says',
      before: probe(0, 8, 'paused'),
      at: 7,
      agreement: 9,
      after: probe(0, 7),
    },
    { why: 'to the very beginning', before: probe(0, 8, 'paused'), at: 7, agreement: 0, after: probe(0, 1) },
    {
      why: 'never to what is certain',
      before: probe(5, 8, 'paused'),
      at: 7,
      agreement: 2,
      after: probe(5, 6),
    },
    {
      why: 'an answer to an earlier probe',
      before: probe(0, 5, 'paused'),
      at: 7,
      agreement: 3,
      after: probe(0, 5, 'paused'),
    },
    {
      why: 'an answer from before it agreed',
      before: probe(5, 8, 'paused'),
      at: 5,
      agreement: 1,
      after: probe(5, 8, 'paused'),
    },
    {
      why: 'a hole in the pipeline',
      before: replicate(4, 9, [6, 8]),
      at: 6,
      agreement: 4,
      after: probe(4, 5),
    },
    {
      why: 'an old rejection of a pipeline that has moved on',
      before: replicate(6, 9, [8]),
      at: 6,
      agreement: 3,
      after: replicate(6, 9, [8]),
    },
  ])('$why', ({ before, at, agreement, after }) => {
    expect(onRejected(before, logIndex(at), logIndex(agreement))).toEqual(after);
  });
});

describe('toProbe: the link closed', () => {
  test.each([
    { why: 'what was under way is lost', before: replicate(4, 9, [6, 8]), after: probe(4, 5) },
    { why: 'an idle pipeline', before: replicate(8, 9), after: probe(8, 9) },
    { why: 'a probe asks again', before: probe(3, 8, 'paused'), after: probe(3, 8) },
  ])('$why', ({ before, after }) => {
    expect(toProbe(before)).toEqual(after);
  });
});

describe('onHeartbeatAnswered', () => {
  test.each([
    { why: 'one more probe is worth its while', before: probe(3, 8, 'paused'), after: probe(3, 8) },
    { why: 'a pipeline goes on as it is', before: replicate(4, 9, [6, 8]), after: replicate(4, 9, [6, 8]) },
  ])('$why', ({ before, after }) => {
    expect(onHeartbeatAnswered(before)).toEqual(after);
  });
});
