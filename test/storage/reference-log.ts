import { isDeepStrictEqual } from 'node:util';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import type { PlainLog } from './log-writes.ts';

/** The reference: what opening makes of a log that lies beside a snapshot. */
export function besideSnapshot(log: PlainLog, snapshot: SnapshotMeta | undefined): PlainLog {
  if (snapshot === undefined || termIn(log, snapshot.index) === snapshot.term) return log;
  return { ...log, base: [snapshot.index, snapshot.term], entries: [] };
}

export function termIn({ base, entries }: PlainLog, index: number): number | undefined {
  return index === base[0] ? base[1] : entries[index - base[0] - 1]?.[1];
}

export const lastOf = ({ base, entries }: PlainLog): number => base[0] + entries.length;

/** `found` may lack entries that a snapshot covers, and nothing else. */
export function isCompacted(found: PlainLog, whole: PlainLog, covered: number): boolean {
  const [at, ofTerm] = found.base;
  if (at < whole.base[0] || (at > whole.base[0] && at > covered)) return false;
  if (termIn(whole, at) !== ofTerm) return false;
  const expected = { ...whole, base: found.base, entries: whole.entries.filter(([index]) => index > at) };
  return isDeepStrictEqual(found, expected);
}
