import { MAX_FORMER_CERTIFICATES, MAX_RECORD_WRITES, MAX_SPENT_TOKENS } from '../../protocol/limits.ts';
import type { RecordWrite } from '../../tasks/member-command.ts';
import { type SecurityRecords, writing } from './records.ts';

/** Of which nothing is known but how old it is. */
interface Aged {
  /** Log index of its last change. */
  readonly version: number;
}

/**
 * Takes away what nobody asks for any more, as much as one entry of the log may change: of members that have left, and of
 * tokens that are good for nothing, the oldest beyond as many as are kept for people. Each session is a member for a while.
 */
export function dropOutdated(
  { cert, join, request, trust }: SecurityRecords,
  members: readonly string[],
  now: number,
): readonly RecordWrite[] {
  const left = [...cert].filter(([id]) => !members.includes(id) && !request.has(id));
  const spent = [...join].filter(([, { value }]) => value.used !== undefined || value.expiresAt <= now);
  const writes = oldestBeyond(MAX_FORMER_CERTIFICATES, left).flatMap(([id, { version }]) => {
    const said = trust.get(id);
    const gone = writing('cert', id, undefined, version);
    return said === undefined ? [gone] : [writing('trust', id, undefined, said.version), gone];
  });
  for (const [id, { version }] of oldestBeyond(MAX_SPENT_TOKENS, spent))
    writes.push(writing('join', id, undefined, version));
  return writes.slice(0, MAX_RECORD_WRITES);
}

function oldestBeyond<T extends Aged>(
  kept: number,
  all: readonly (readonly [string, T])[],
): readonly (readonly [string, T])[] {
  const byAge = [...all].sort(([, one], [, other]) => one.version - other.version);
  return byAge.slice(0, Math.max(0, all.length - kept));
}
