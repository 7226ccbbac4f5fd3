import type { SwarmError } from '../protocol/errors.ts';

const REPEAT_AFTER_MS = 60_000;

/** Different troubles of one minute; whoever can invent more of them must not fill memory or a log. */
const MAX_TROUBLES = 256;

/**
 * Passes on each trouble when it is new, and again each minute while it goes on: an absent peer is dialled once a
 * second, and a log that says so every time is a log that nobody reads. `now` in milliseconds.
 */
export function withoutRepeats(
  report: (error: SwarmError) => void,
  now: () => number,
): (error: SwarmError) => void {
  /** When each was passed on, the oldest first. */
  const reportedAt = new Map<string, number>();
  const forgetBefore = (time: number): void => {
    for (const [text, at] of reportedAt) {
      if (at > time) return;
      reportedAt.delete(text);
    }
  };
  return (error) => {
    const time = now();
    forgetBefore(time - REPEAT_AFTER_MS);
    const text = `${error.code} ${error.message}`;
    if (reportedAt.has(text) || reportedAt.size >= MAX_TROUBLES) return;
    reportedAt.set(text, time);
    report(error);
  };
}
