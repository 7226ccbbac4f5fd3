import type { Entry } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { TERM_ZERO } from '../protocol/ids.ts';
import type { HardState } from '../protocol/state.ts';
import type { RecoveredLog } from './port.ts';
import {
  decodeRecord,
  type Owner,
  type PlacedRecord,
  RECORD_HEADER_BYTES,
  WAL_VERSION,
} from './wal-record.ts';

export interface SegmentBytes {
  /** For messages. */
  readonly path: string;
  readonly bytes: Buffer;
}

export interface Replay {
  readonly log: RecoveredLog;
  /** Group number of the last record. */
  readonly lastGroup: number;
  /** Bytes of the last segment that count; what is behind them was never synced. */
  readonly validBytes: number;
}

/**
 * Replays the segments of a folder, oldest first.
 *
 * A bad record is either the tail of a group whose sync never finished (cut: nobody was told of it), or
 * damage to what had been synced (refuse: to forget it could lose what was acknowledged). Groups tell
 * the two apart: a group is begun only when the one before it is durable.
 *
 * @throws SwarmError DATA_DAMAGED with file and offset; DATA_FOREIGN when the folder is another node's.
 */
export function replaySegments(segments: readonly SegmentBytes[], owner: Owner): Replay {
  const replay = new LogReplay();
  let last: PlacedRecord | undefined;
  let validBytes = 0;
  segments.forEach(({ path, bytes }, at) => {
    const isLast = at === segments.length - 1;
    let offset = 0;
    for (;;) {
      const placed = decodeRecord(bytes, offset);
      if (placed === undefined) break;
      if (offset === 0) checkOwner(placed, path, owner);
      replay.take(placed, { path, offset });
      last = placed;
      offset = placed.end;
    }
    if (offset < bytes.length && (!isLast || wasSynced(bytes, offset, last))) {
      throw damaged(path, offset, 'a record that was durable cannot be read any more');
    }
    validBytes = offset;
  });
  return { log: replay.result(), lastGroup: last?.group ?? 0, validBytes };
}

class LogReplay {
  #hardState: HardState = { term: TERM_ZERO, votedFor: undefined };
  readonly #entries: Entry[] = [];

  take({ record }: PlacedRecord, place: { readonly path: string; readonly offset: number }): void {
    switch (record.kind) {
      case 'segment':
        return;
      case 'hard-state':
        this.#hardState = record.hardState;
        return;
      case 'truncate':
        this.#entries.length = Math.min(this.#entries.length, record.from - 1);
        return;
      case 'entry':
        if (record.entry.index !== this.#entries.length + 1) {
          const expected = this.#entries.length + 1;
          throw damaged(
            place.path,
            place.offset,
            `entry ${record.entry.index} stands where ${expected} is due`,
          );
        }
        this.#entries.push(record.entry);
    }
  }

  result(): RecoveredLog {
    return { hardState: this.#hardState, entries: this.#entries };
  }
}

/**
 * True when the bad record at `offset` had been durable: some later group made it to the disk whole, or
 * the group it belongs to was followed by another.
 */
function wasSynced(bytes: Buffer, offset: number, last: PlacedRecord | undefined): boolean {
  const lastGroup = last?.group ?? 0;
  // Behind a finished group the bad record belongs to the next one.
  const badGroup = last === undefined || last.endsGroup ? lastGroup + 1 : lastGroup;
  for (let at = offset + 1; at + RECORD_HEADER_BYTES <= bytes.length; at += 1) {
    const later = decodeRecord(bytes, at);
    if (later !== undefined && later.group > badGroup) return true;
  }
  return false;
}

function checkOwner({ record }: PlacedRecord, path: string, owner: Owner): void {
  if (record.kind !== 'segment') throw damaged(path, 0, 'a segment must begin with its header');
  if (record.version !== WAL_VERSION) {
    throw new SwarmError(
      'DATA_FOREIGN',
      `${path} has format ${record.version}; this release reads ${WAL_VERSION}`,
    );
  }
  const { clusterId, nodeId } = record.owner;
  if (clusterId === owner.clusterId && nodeId === owner.nodeId) return;
  const message = `${path} belongs to node ${nodeId} of cluster ${clusterId}, not to ${owner.nodeId} of ${owner.clusterId}`;
  throw new SwarmError('DATA_FOREIGN', `${message}. Name the right folder, or move this one away`);
}

function damaged(path: string, offset: number, what: string): SwarmError {
  return new SwarmError(
    'DATA_DAMAGED',
    `${path} at byte ${offset}: ${what}. Restore this folder from a copy, or keep it away from the swarm`,
  );
}
