import type { Millis } from '../protocol/ids.ts';
import type { ProgramEnd } from './program.ts';

/** Why a program did not do its work. */
interface Failure {
  readonly outcome: 'failed' | 'timed-out' | 'cancelled';
  /** Undefined when it did not end by itself. */
  readonly exitCode: number | undefined;
  /** In words, for people. */
  readonly reason: string;
}

/** Undefined when the program ended with 0: all went well. `timeoutMs`: what it was given. */
export function failureOf(end: ProgramEnd, timeoutMs: Millis): Failure | undefined {
  switch (end.kind) {
    case 'exited':
      if (end.exitCode === 0) return undefined;
      return { outcome: 'failed', exitCode: end.exitCode, reason: `exit code ${end.exitCode}` };
    case 'signalled':
      return { outcome: 'failed', exitCode: undefined, reason: `ended by ${end.signal}` };
    case 'timed-out':
      return { outcome: 'timed-out', exitCode: undefined, reason: `did not end within ${timeoutMs} ms` };
    case 'cancelled':
      return { outcome: 'cancelled', exitCode: undefined, reason: 'the task was taken away' };
    case 'could-not-start':
      return { outcome: 'failed', exitCode: undefined, reason: end.reason };
  }
}
