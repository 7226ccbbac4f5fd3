import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { nodeId } from '../../src/protocol/ids.ts';
import { closeWith } from '../../src/transport/closing.ts';
import { PeerLink } from '../../src/transport/peer-link.ts';
import { Recorder } from './recorder.ts';
import { serveAs } from './stranger.ts';
import { identityOf } from './ws-lab.ts';

const STOPPED = new SwarmError('STOPPED', 'the test is over');

/** A link to a peer that answers each attempt with `refusal`, and the pauses after each. */
async function pausesAfter(refusal: SwarmError, count: number): Promise<readonly number[]> {
  const server = await serveAs(({ socket }) => void closeWith(socket, refusal));
  const trouble = new Recorder<{ readonly error: SwarmError; readonly at: number }>();
  const attempts: number[] = [];
  const link = new PeerLink({
    peer: nodeId('b'),
    host: '127.0.0.1',
    ours: identityOf('a'),
    resolve: async () => {
      attempts.push(Date.now());
      return server.url;
    },
    random: () => 0,
    leastLevel: () => 1,
    maxBufferedBytes: 1,
    onUp: () => undefined,
    onDown: () => undefined,
    onTrouble: (error) => trouble.add({ error, at: Date.now() }),
  });
  for (let n = 1; n <= count; n++) {
    await trouble.until((items) => items.length === n);
    while (attempts.length === n) await vi.advanceTimersByTimeAsync(500);
  }
  await link.close(STOPPED);
  await server.close();
  expect(new Set(trouble.items.map(({ error }) => error.code))).toEqual(new Set([refusal.code]));
  return trouble.items.slice(0, count).map(({ at }, i) => (attempts[i + 1] ?? Number.NaN) - at);
}

/** A link to a peer whose address nobody knows: what is left is the rhythm of its attempts. */
function linkToNowhere(random: number) {
  const attempts: number[] = [];
  const link = new PeerLink({
    peer: nodeId('b'),
    host: '127.0.0.1',
    ours: identityOf('a'),
    resolve: async () => {
      attempts.push(Date.now());
      return undefined;
    },
    random: () => random,
    leastLevel: () => 1,
    maxBufferedBytes: 1,
    onUp: () => undefined,
    onDown: () => undefined,
    onTrouble: () => undefined,
  });
  const pauses = (): number[] => attempts.slice(1).map((at, i) => at - (attempts[i] ?? at));
  return { link, attempts, pauses };
}

describe('attempts to reach a peer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    { why: 'the shortest pauses', random: 0, expected: [10, 20, 40, 80, 160, 320, 500, 500] },
    { why: 'pauses in the middle', random: 0.5, expected: [15, 30, 60, 120, 240, 480, 750, 750] },
  ])('come ever more slowly, up to a bound: $why', async ({ random, expected }) => {
    const { link, pauses } = linkToNowhere(random);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pauses().slice(0, expected.length)).toEqual(expected);
    await link.close(STOPPED);
  });

  test.each([
    { why: 'removed', code: 'UNKNOWN_NODE', longest: 7_500 },
    { why: 'without the secret', code: 'UNAUTHORIZED', longest: 7_500 },
    { why: 'of another cluster', code: 'WRONG_CLUSTER', longest: 7_500 },
    { why: 'of another release', code: 'WRONG_PROTOCOL', longest: 7_500 },
    { why: 'early: the peer has no room yet', code: 'BUSY', longest: 500 },
  ] as const)('come as seldom as it deserves that is $why', async ({ code, longest }) => {
    const pauses = await pausesAfter(new SwarmError(code, 'not you'), 12);
    const doubled = Array.from({ length: 12 }, (_, i) => Math.min(longest, 10 * 2 ** i));
    expect(pauses).toEqual(doubled);
  });

  test('come at once, and quickly again, when the peer is heard', async () => {
    const { link, attempts, pauses } = linkToNowhere(0);
    await vi.advanceTimersByTimeAsync(5_100);
    const before = attempts.length;
    link.poke('b-2');
    expect(attempts.at(-1)).toBe(Date.now());
    await vi.advanceTimersByTimeAsync(100);
    expect(pauses().slice(before, before + 3)).toEqual([10, 20, 40]);
    await link.close(STOPPED);
  });

  test('end when the link is closed', async () => {
    const { link, attempts } = linkToNowhere(0);
    await vi.advanceTimersByTimeAsync(1_000);
    await link.close(STOPPED);
    const before = attempts.length;
    link.poke('b-2');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(attempts).toHaveLength(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});
