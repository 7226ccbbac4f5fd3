import type { Entry } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { TERM_ZERO } from '../protocol/ids.ts';
import { unreachable } from '../protocol/invariant.ts';
import type { HardState } from '../protocol/state.ts';
import type { RecoveredLog } from './port.ts';
import { damaged, isCleanEnd, isTornTail } from './wal-damage.ts';
import { decodeRecord, type Owner, type PlacedRecord, WAL_VERSION, type WalRecord } from './wal-record.ts';

export interface SegmentBytes {
  /** For messages. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** Where a node that opens its log goes on writing. */
export interface LogEnd {
  /** Number of the last group that left a whole write; 0 before the first. */
  readonly group: number;
  /** Bytes of the last segment that count; what is behind them was never acknowledged. */
  readonly validBytes: number;
  /** Where the last group begins, in the last segment. */
  readonly lastGroupAt: number;
}

/**
 * Replays the segments of a folder, oldest first.
 *
 * A bad record is either the tail of a group whose sync never finished (cut: nobody was told of it), or
 * damage to what had been synced (refuse: to forget it could lose what was acknowledged; FAST'18). Groups tell
 * the two apart: a group is begun only when the one before it is durable. See `isTornTail`.
 *
 * @throws SwarmError DATA_DAMAGED with file and offset; DATA_FOREIGN when the folder is another node's, or of
 *   another version.
 */
export function replaySegments(
  segments: readonly SegmentBytes[],
  owner: Owner,
): { readonly log: RecoveredLog; readonly end: LogEnd } {
  const replay = new Replay(owner);
  const last = segments.length - 1;
  for (const [at, segment] of segments.entries()) {
    if (at === last) replay.takeLast(segment);
    else replay.takeEarlier(segment);
  }
  return { log: replay.log, end: replay.end };
}

class Replay {
  readonly #owner: Owner;
  #hardState: HardState = { term: TERM_ZERO, votedFor: undefined };
  readonly #entries: Entry[] = [];
  /** Records of a write whose last one has not been seen yet. */
  #unfinished: WalRecord[] = [];
  #group = 0;
  #groupEnded = true;
  #end: LogEnd = { group: 0, validBytes: 0, lastGroupAt: 0 };

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  get log(): RecoveredLog {
    return { hardState: this.#hardState, entries: this.#entries };
  }

  get end(): LogEnd {
    return this.#end;
  }

  /** A segment that has a successor: all of it was durable before that one was begun. */
  takeEarlier(segment: SegmentBytes): void {
    const offset = this.#takeRecords(segment);
    if (this.#groupEnded && isCleanEnd(segment.bytes, offset)) return;
    throw damaged(segment.path, offset, 'a record that was durable cannot be read any more');
  }

  takeLast(segment: SegmentBytes): void {
    const { path, bytes } = segment;
    const offset = this.#takeRecords(segment);
    const openGroup = this.#groupEnded ? this.#group + 1 : this.#group;
    if (isTornTail(bytes, { offset, openGroup })) return;
    throw damaged(path, offset, 'a record that was durable cannot be read any more');
  }

  /** Takes the records up to the first bad one, and gives its offset. */
  #takeRecords({ path, bytes }: SegmentBytes): number {
    this.#end = { group: this.#group, validBytes: 0, lastGroupAt: 0 };
    let groupAt = 0;
    for (let offset = 0; ; ) {
      const placed = decodeRecord(bytes, offset);
      if (placed === undefined) return offset;
      if (offset === 0) this.#checkHeader(placed.record, path);
      if (placed.group !== this.#group) groupAt = offset;
      this.#checkGroup(placed, path, offset);
      this.#unfinished.push(placed.record);
      if (placed.endsWrite) {
        for (const record of this.#unfinished) this.#apply(record, path, offset);
        this.#unfinished = [];
        this.#end = { group: placed.group, validBytes: placed.end, lastGroupAt: groupAt };
      }
      offset = placed.end;
    }
  }

  #checkHeader(record: WalRecord, path: string): void {
    if (record.kind !== 'segment') throw damaged(path, 0, 'a segment must begin with its header');
    if (record.version !== WAL_VERSION) {
      throw new SwarmError(
        'DATA_FOREIGN',
        `${path} has format ${record.version}; this release reads format ${WAL_VERSION}. Use the release that wrote it`,
        { path, version: record.version },
      );
    }
    const { clusterId, nodeId } = record.owner;
    if (clusterId === this.#owner.clusterId && nodeId === this.#owner.nodeId) return;
    throw new SwarmError(
      'DATA_FOREIGN',
      `${path} is in the data folder of node ${nodeId} of cluster ${clusterId}; ${this.#owner.nodeId} of ${this.#owner.clusterId} asks for it. Name the right folder, or move this one away`,
      { path, clusterId, nodeId },
    );
  }

  /** Groups follow each other without a gap: otherwise a whole segment, or the end of one, is missing. */
  #checkGroup({ group, endsGroup, record }: PlacedRecord, path: string, offset: number): void {
    const due = this.#groupEnded ? this.#group + 1 : this.#group;
    // The mark of a recovery follows a group that a crash cut short.
    const afterCrash = record.kind === 'mark' && group === this.#group + 1;
    if (group !== due && !afterCrash) {
      throw damaged(path, offset, `a record of group ${group} stands where one of group ${due} is due`);
    }
    this.#group = group;
    this.#groupEnded = endsGroup;
  }

  #apply(record: WalRecord, path: string, offset: number): void {
    switch (record.kind) {
      case 'segment':
      case 'mark':
        return;
      case 'hard-state':
        this.#hardState = record.hardState;
        return;
      case 'truncate':
        if (record.from < 1) throw damaged(path, offset, 'the log is cut before its first entry');
        this.#entries.length = Math.min(this.#entries.length, record.from - 1);
        return;
      case 'entry': {
        const due = this.#entries.length + 1;
        if (record.entry.index !== due) {
          throw damaged(path, offset, `entry ${record.entry.index} stands where entry ${due} is due`);
        }
        this.#entries.push(record.entry);
        return;
      }
      default:
        unreachable(record);
    }
  }
}
