import { entrySize } from '../protocol/entry.ts';
import type { LogIndex } from '../protocol/ids.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import { type Core, restartLog } from './core.ts';
import { becomeFollower } from './election.ts';
import { considerRepaired } from './repair.ts';

/** An own snapshot is durable: what it covers may go, except for a tail that spares slow followers a snapshot. §7 */
export function onSnapshotSaved(core: Core, snapshot: SnapshotMeta): void {
  if (core.snapshot !== undefined && snapshot.index <= core.snapshot.index) return;
  core.snapshot = snapshot;
  const index = Math.min(beforeTail(core, snapshot.index), neededByPeers(core)) as LogIndex;
  if (index <= core.log.base.index) return;
  core.log.compact(index);
  core.configurations.compact(index);
  core.out.compactTo = index;
}

/** The last index before the entries that are kept although the snapshot at `index` covers them. */
function beforeTail({ log, config }: Core, index: LogIndex): LogIndex {
  let bytes = 0;
  let at = index;
  while (index - at < config.snapshotTailEntries) {
    const entry = log.entryAt(at);
    bytes += entry === undefined ? Number.POSITIVE_INFINITY : entrySize(entry);
    if (bytes > config.snapshotTailBytes) break;
    at = (at - 1) as LogIndex;
  }
  return at;
}

/**
 * Who is being sent a snapshot goes on behind it, so what follows it stays as long as the peer is there to
 * take it, and memory bears it.
 */
function neededByPeers({ role, log, config, openLinks }: Core): number {
  let needed = Number.POSITIVE_INFINITY;
  if (role.kind !== 'leader' || log.bytes > config.maxUncommittedBytes) return needed;
  for (const [peer, progress] of role.progress) {
    if (progress.mode === 'snapshot' && openLinks.has(peer)) needed = Math.min(needed, progress.pendingIndex);
  }
  return needed;
}

/**
 * A snapshot of the leader is durable here. If the log holds its last entry, the log holds all that it says, and
 * whatever follows stays; otherwise the log gives way, a conflicting suffix with it. §7
 */
export function onSnapshotReceived(core: Core, snapshot: SnapshotMeta): void {
  const { log, role } = core;
  if (snapshot.index <= log.commitIndex) return;
  if (log.termAt(snapshot.index) === snapshot.term) {
    log.commit(snapshot.index);
    return;
  }
  // What a candidacy says of its log is not true any more.
  if (role.kind !== 'follower') becomeFollower(core, core.term, undefined);
  restartLog(core, snapshot);
  considerRepaired(core);
}
