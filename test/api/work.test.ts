import { describe, expect, test } from 'vitest';
import { carryOut, type Work } from '../../src/api/work.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import { MAX_LINE_CHARS, MAX_OUTPUT_CHARS } from '../../src/protocol/limits.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';

const ABOUT = {
  taskId: 'prune',
  title: 'Prune the roses',
  prompt: 'all of them',
  run: undefined,
  worker: 'gardener-1',
  fence: 7,
  attempt: 1,
  notes: [],
  note: async () => undefined,
};
const FREE = { signal: new AbortController().signal, timeoutMs: null };
const usage = { ...NO_USAGE, turns: 2 };

const throwing = (error: unknown): Work => {
  return () => {
    throw error;
  };
};
/** Ends when its signal says so, as `fetch` does. */
const obedient: Work = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

describe('the end of work', () => {
  test.each<{ why: string; work: Work; end: object }>([
    { why: 'a text is output', work: () => 'done', end: { kind: 'completed', output: 'done' } },
    {
      why: 'what it has used up comes along',
      work: () => ({ output: 'done', usage }),
      end: { kind: 'completed', output: 'done', usage },
    },
    {
      why: 'a failure is tried again, unless it says otherwise',
      work: async () => ({ failed: 'frost' }),
      end: { kind: 'failed', reason: 'frost', next: 'retry', output: '' },
    },
    {
      why: 'a failure may be the last one, and have output',
      work: () => ({ failed: 'no roses', next: 'final', output: 'looked twice', usage }),
      end: { kind: 'failed', reason: 'no roses', next: 'final', output: 'looked twice', usage },
    },
    {
      why: 'whatever is thrown is a failure that is tried again',
      work: throwing(new Error('thorns')),
      end: { kind: 'failed', reason: 'thorns', next: 'retry' },
    },
    { why: 'also what is no error', work: throwing('thorns'), end: { kind: 'failed', reason: 'thorns' } },
    {
      why: 'what would not fit into the log is cut, not refused',
      work: () => ({ failed: 'x'.repeat(1_000), output: 'y'.repeat(100_000) }),
      end: { reason: 'x'.repeat(MAX_LINE_CHARS), output: 'y'.repeat(MAX_OUTPUT_CHARS) },
    },
  ])('$why', async ({ work, end }) => {
    expect(await carryOut(work, ABOUT, FREE)).toMatchObject(end);
  });

  test('nothing is recorded of work whose signal was given, even if it claims to be done', async () => {
    const lost = new AbortController();
    const work: Work = () => {
      lost.abort(new SwarmError('STALE_FENCE', 'cancelled'));
      return 'done';
    };
    expect(await carryOut(work, ABOUT, { ...FREE, signal: lost.signal })).toEqual({ kind: 'abandoned' });
  });

  test('the signal carries the reason of whoever gave it, also when that was before the beginning', async () => {
    const reasons: unknown[] = [];
    const work: Work = async ({ signal }) => {
      reasons.push(signal.reason);
      return '';
    };
    const reason = new SwarmError('STALE_FENCE', 'cancelled');
    expect(await carryOut(work, ABOUT, { ...FREE, signal: AbortSignal.abort(reason) })).toEqual({
      kind: 'abandoned',
    });
    expect(reasons).toEqual([reason]);
  });

  test('work that takes longer than its task allows is told so, and has failed', async () => {
    expect(await carryOut(obedient, ABOUT, { ...FREE, timeoutMs: 1 })).toMatchObject({
      kind: 'failed',
      reason: 'it took longer than the 1 ms that the task allows',
      next: 'retry',
    });
  });
});
