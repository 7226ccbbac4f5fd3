import { createHash } from 'node:crypto';
import type { Entry } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';

/** How much of a log is compared: enough to see that two part, and hashed in a few milliseconds. */
const MAX_ENTRIES = 1_000;
const MAX_BYTES = 1024 * 1024;

/** As much of a log as can be had: entries from an index on, so many at most, as far as they are there. */
type ReadLog = (from: LogIndex, limit: number) => readonly Entry[];

/**
 * SHA-256 over the last entries up to `index`, which all is committed: their places, terms, kinds and bytes. Null when
 * so many are not there any more: a log that began anew behind a snapshot has nothing to say yet.
 */
export function logHashAt(read: ReadLog, index: number): string | null {
  const from = Math.max(1, index - MAX_ENTRIES + 1);
  const entries = read(from as LogIndex, index - from + 1);
  if (entries.at(-1)?.index !== index) return null;
  const hash = createHash('sha256');
  let bytes = 0;
  for (const { index: at, term, kind, data } of [...entries].reverse()) {
    hash.update(`${at} ${term} ${kind} ${data.length}\n`).update(data);
    bytes += data.length;
    if (bytes >= MAX_BYTES || at === from) return hash.digest('hex');
  }
  return null;
}
