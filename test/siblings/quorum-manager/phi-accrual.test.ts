import { describe, expect, test } from 'vitest';
import { PhiAccrual } from '../../../src/siblings/quorum-manager/phi-accrual.ts';

/** Told of heartbeats at the ends of these intervals. */
function watched(intervals: readonly number[]): { readonly detector: PhiAccrual; readonly at: number } {
  const detector = new PhiAccrual(100);
  let at = 1_000;
  detector.hear(at);
  for (const interval of intervals) {
    at += interval;
    detector.hear(at);
  }
  return { detector, at };
}

const regular = Array.from({ length: 50 }, () => 100);
const ragged = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? 20 : 380));

describe('the φ accrual failure detector', () => {
  test.each([
    { why: 'nothing came yet', intervals: [], silence: 0, least: 0, most: 0.4 },
    { why: 'the next one is not due', intervals: regular, silence: 50, least: 0, most: 0.2 },
    { why: 'as late as half of them', intervals: regular, silence: 100, least: 0.3, most: 0.31 },
    { why: 'one is missing', intervals: regular, silence: 200, least: 1, most: 2 },
    { why: 'a pause that a busy machine makes', intervals: regular, silence: 350, least: 5, most: 8 },
    { why: 'four are missing', intervals: regular, silence: 500, least: 8, most: 25 },
    { why: 'the same where they come as they like', intervals: ragged, silence: 500, least: 0.5, most: 3 },
    { why: 'beyond what a double holds', intervals: regular, silence: 1e9, least: 300, most: 300 },
  ])('$why', ({ intervals, least, most, silence }) => {
    const { at, detector } = watched(intervals);
    const phi = detector.at(at + silence);
    expect(phi).toBeGreaterThanOrEqual(least);
    expect(phi).toBeLessThanOrEqual(most);
    expect(detector.ofSilence(silence)).toBeCloseTo(phi, 9);
  });

  test('never falls while nothing comes', () => {
    const { at, detector } = watched(ragged);
    const seen = Array.from({ length: 400 }, (_, step) => detector.at(at + 10 * step));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test('takes the same word told again, or an older one, for no news', () => {
    const { at, detector } = watched(regular);
    const before = detector.at(at + 300);
    detector.hear(at);
    detector.hear(at - 50);
    expect(detector.at(at + 300)).toBe(before);
  });

  test('forgets how it was a thousand heartbeats ago', () => {
    const { at, detector } = watched([...ragged, ...Array.from({ length: 1_000 }, () => 100)]);
    const fresh = watched(regular);
    expect(detector.at(at + 250)).toBeCloseTo(fresh.detector.at(fresh.at + 250), 6);
  });
});
