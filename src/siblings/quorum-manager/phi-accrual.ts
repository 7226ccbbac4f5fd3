import type { Millis } from '../../protocol/ids.ts';

/** Intervals that are remembered: a minute and a half of a leader's heartbeats. */
const WINDOW = 1_000;

/**
 * Heartbeats that come like clockwork would make a detector that calls a busy event loop dead. So the deviation counts
 * as no less than half the usual interval.
 */
const LEAST_DEVIATION = 0.5;

/** Beyond it nothing is said any more: the probability is under the smallest that a double tells from 0. */
const MAX_PHI = 300;

/**
 * The φ accrual failure detector (Hayashibara et al., "The φ accrual failure detector", SRDS 2004): says how surprising
 * it is that nothing has come for so long, in powers of ten, from how regularly it came before. φ = 1 is wrong once in
 * ten times, φ = 8 once in a hundred million. It is told when something came, and reads no clock.
 */
export class PhiAccrual {
  readonly #intervals: number[] = [];
  #next = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #last: Millis | undefined;
  readonly #expectedMs: Millis;

  /** `expectedMs`: the interval that is expected as long as none has been seen. */
  constructor(expectedMs: Millis) {
    this.#expectedMs = expectedMs;
  }

  /** Something came at `at`. What is not later than the last is the same again. */
  hear(at: Millis): void {
    const last = this.#last;
    if (last !== undefined && at <= last) return;
    this.#last = at;
    if (last !== undefined) this.#remember(at - last);
  }

  /** φ at `now`; 0 before anything came. */
  at(now: Millis): number {
    if (this.#last === undefined) return 0;
    const { deviation, mean } = this.#shape();
    return phiOf((now - this.#last - mean) / deviation);
  }

  /** The same, for a silence of `silentMs`. */
  ofSilence(silentMs: Millis): number {
    const { deviation, mean } = this.#shape();
    return phiOf((silentMs - mean) / deviation);
  }

  #shape(): { readonly mean: number; readonly deviation: number } {
    const count = this.#intervals.length;
    const mean = count === 0 ? this.#expectedMs : this.#sum / count;
    const variance = count === 0 ? 0 : Math.max(0, this.#sumOfSquares / count - mean * mean);
    return { mean, deviation: Math.max(Math.sqrt(variance), LEAST_DEVIATION * mean) };
  }

  #remember(interval: number): void {
    const forgotten = this.#intervals[this.#next] ?? 0;
    this.#intervals[this.#next] = interval;
    this.#next = (this.#next + 1) % WINDOW;
    this.#sum += interval - forgotten;
    this.#sumOfSquares += interval * interval - forgotten * forgotten;
  }
}

/**
 * −log₁₀ of the probability that a normally distributed value lies `deviations` or more above its mean, by the logistic
 * approximation of the normal distribution.
 */
function phiOf(deviations: number): number {
  const exponent = deviations * (1.5976 + 0.070566 * deviations * deviations);
  // Of a large exponent, 1 / (1 + e^x) is e^-x, and e^x is beyond what a double holds.
  if (exponent > 30) return Math.min(MAX_PHI, exponent / Math.LN10);
  return Math.min(MAX_PHI, Math.log10(1 + Math.exp(exponent)));
}
