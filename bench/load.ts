import { build, type Histogram } from 'hdr-histogram-js';

export const ENTRY_BYTES = 256;
export const LEVELS = [1, 64, 256, 1024];
/** Run first and not recorded: compilers and page caches are warm after it. */
export const WARM_UP = { inFlight: 256, durationMs: 1_500 };

/** Throughput and latency at one number of entries in flight. */
export interface LoadRow {
  readonly inFlight: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const WARM_UP_SHARE = 0.3;

/** Entries under way, and what is known of those that are back. They complete in the order of their sending. */
class Meter {
  readonly #histogram: Histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  readonly #sent: { readonly at: number; count: number }[] = [];
  readonly #measureFrom: number;
  #acknowledged = 0;
  underWay = 0;

  constructor(measureFrom: number) {
    this.#measureFrom = measureFrom;
  }

  sent(count: number): void {
    this.underWay += count;
    this.#sent.push({ at: performance.now(), count });
  }

  acknowledged(count: number, now: number): void {
    this.underWay -= count;
    for (let left = count; left > 0; ) {
      const oldest = this.#sent[0];
      if (oldest === undefined) return;
      const part = Math.min(left, oldest.count);
      if (now >= this.#measureFrom) this.#record(now - oldest.at, part);
      oldest.count -= part;
      left -= part;
      if (oldest.count === 0) this.#sent.shift();
    }
  }

  row(inFlight: number): LoadRow {
    return {
      inFlight,
      perSecond: (1000 * this.#acknowledged) / (performance.now() - this.#measureFrom),
      p50Ms: this.#histogram.getValueAtPercentile(50) / 1000,
      p99Ms: this.#histogram.getValueAtPercentile(99) / 1000,
    };
  }

  #record(latencyMs: number, count: number): void {
    this.#histogram.recordValueWithCount(Math.max(1, Math.round(latencyMs * 1000)), count);
    this.#acknowledged += count;
  }
}

/**
 * Keeps `inFlight` entries under way for `durationMs` and measures all but the warm-up. `send` takes a number
 * of entries and calls back, in one or more parts, with how many are acknowledged.
 */
export function measureLoad(
  inFlight: number,
  durationMs: number,
  send: (count: number, onAcknowledged: (count: number) => void) => void,
): Promise<LoadRow> {
  const began = performance.now();
  const meter = new Meter(began + durationMs * WARM_UP_SHARE);
  return new Promise((resolve) => {
    const refill = (count: number): void => {
      meter.sent(count);
      send(count, (acknowledged) => {
        const now = performance.now();
        meter.acknowledged(acknowledged, now);
        if (now < began + durationMs) refill(acknowledged);
        else if (meter.underWay === 0) resolve(meter.row(inFlight));
      });
    };
    refill(inFlight);
  });
}
