import type { Clock } from './port.ts';

/** The clock of a real process: monotonic, and a turn ends when the event loop has taken in its I/O. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(at, callback) {
    const timer = setTimeout(callback, Math.max(0, at - performance.now()));
    return () => clearTimeout(timer);
  },
  defer(callback) {
    setImmediate(callback);
  },
};
