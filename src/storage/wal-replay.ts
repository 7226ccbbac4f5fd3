import type { Entry } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { type LogIndex, TERM_ZERO } from '../protocol/ids.ts';
import { unreachable } from '../protocol/invariant.ts';
import type { HardState, LogPosition } from '../protocol/state.ts';
import { LOG_START, lastPosition, type ReplayedLog } from './reconcile.ts';
import { damaged, isCleanEnd, isTornTail } from './wal-damage.ts';
import {
  decodeRecord,
  isKnown,
  type Owner,
  type PlacedRecord,
  WAL_VERSION,
  type WalRecord,
} from './wal-record.ts';
import { SegmentRetention } from './wal-retention.ts';

export interface Segment {
  readonly number: number;
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
  /** Format of the last segment. */
  readonly version: number;
}

interface Replayed {
  readonly log: ReplayedLog;
  readonly end: LogEnd;
  readonly retention: SegmentRetention;
  /** Segments that were being removed when a crash came: the ones behind them say it all. */
  readonly leftovers: readonly number[];
}

const NOTHING: LogEnd = { group: 0, validBytes: 0, lastGroupAt: 0, version: WAL_VERSION };

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
export function replaySegments(segments: readonly Segment[], owner: Owner): Replayed {
  let firstError: unknown;
  for (let skipped = 0; ; skipped += 1) {
    const replay = new Replay(owner);
    try {
      replay.takeAll(segments.slice(skipped));
      const { log, end, retention } = replay;
      return { log, end, retention, leftovers: segments.slice(0, skipped).map(({ number }) => number) };
    } catch (error) {
      firstError ??= error;
      if (!replay.beginsTooEarly || skipped === segments.length - 1) throw firstError;
    }
  }
}

/**
 * The log up to the first record that cannot be read, or that contradicts those before it. Only whole writes count, so
 * it is what the node once held.
 *
 * @throws SwarmError DATA_FOREIGN
 */
export function replayPrefix(segments: readonly Segment[], owner: Owner): ReplayedLog {
  const replay = new Replay(owner);
  try {
    replay.takeAll(segments);
  } catch (error) {
    if (!(error instanceof SwarmError) || error.code !== 'DATA_DAMAGED') throw error;
  }
  return replay.log;
}

class Replay {
  readonly retention = new SegmentRetention();
  readonly #owner: Owner;
  #isFirst = true;
  #number = 0;
  #base = LOG_START;
  #hardState: HardState = { term: TERM_ZERO, votedFor: undefined };
  readonly #entries: Entry[] = [];
  /** Records of a write whose last one has not been seen yet. */
  #unfinished: WalRecord[] = [];
  #group = 0;
  #groupEnded = true;
  #end = NOTHING;
  /** The log begins where the first segment says, not at its very beginning or a restart. */
  #standsOnStart = false;
  #beginsTooEarly = false;
  /** The log was cut before its first entry; what is wrong with that unless it begins anew later. */
  #headless: SwarmError | undefined;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  get log(): ReplayedLog {
    return { hardState: this.#hardState, base: this.#base, entries: this.#entries };
  }

  get end(): LogEnd {
    return this.#end;
  }

  /**
   * The first segment needs one that is gone, which went only because a later one can stand first: this one was to
   * go with it.
   */
  get beginsTooEarly(): boolean {
    return this.#beginsTooEarly;
  }

  takeAll(segments: readonly Segment[]): void {
    for (const segment of segments.slice(0, -1)) this.#takeEarlier(segment);
    const last = segments.at(-1);
    if (last !== undefined) this.#takeLast(last);
    if (this.#headless === undefined) return;
    this.#beginsTooEarly = true;
    throw this.#headless;
  }

  /** A segment that has a successor: all of it was durable before that one was begun. */
  #takeEarlier(segment: Segment): void {
    const offset = this.#takeRecords(segment);
    this.#isFirst = false;
    if (this.#groupEnded && isCleanEnd(segment.bytes, offset)) return;
    throw damaged(segment.path, offset, 'a record that was durable cannot be read any more');
  }

  #takeLast(segment: Segment): void {
    const { number, path, bytes } = segment;
    const offset = this.#takeRecords(segment);
    const openGroup = this.#groupEnded ? this.#group + 1 : this.#group;
    const { validBytes } = this.#end;
    // What lay before a segment goes only when it says all of it.
    const isMissing = this.#isFirst && number > 1 && validBytes === 0;
    if (!isMissing && isTornTail(bytes, { offset, openGroup, validBytes })) return;
    throw damaged(path, offset, 'a record that was durable cannot be read any more');
  }

  /** Takes the records up to the first bad one, and gives its offset. */
  #takeRecords(segment: Segment): number {
    const { number, path, bytes } = segment;
    this.#number = number;
    this.#end = { ...NOTHING, group: this.#group };
    let version = WAL_VERSION;
    let groupAt = 0;
    for (let offset = 0; ; ) {
      const placed = decodeRecord(bytes, offset);
      if (placed === undefined) return offset;
      if (offset === 0) version = this.#begin(placed, segment);
      if (placed.group !== this.#group) groupAt = offset;
      this.#checkGroup(placed, path, offset);
      this.#checkPlace(placed, path, offset);
      this.#unfinished.push(placed.record);
      if (placed.endsWrite) {
        for (const record of this.#unfinished) this.#apply(record, path, offset);
        this.#unfinished = [];
        this.#end = { group: placed.group, validBytes: placed.end, lastGroupAt: groupAt, version };
      }
      offset = placed.end;
    }
  }

  /** Gives the version of the format. */
  #begin(placed: PlacedRecord, { number, path, bytes }: Segment): number {
    const version = this.#checkHeader(placed.record, path);
    const next = decodeRecord(bytes, placed.end);
    // A segment that says where it starts may follow one that has been let go of.
    if (this.#isFirst && next?.record.kind === 'start') this.#group = placed.group - 1;
    else if (this.#isFirst && next !== undefined) this.#beginsTooEarly = number > 1;
    return version;
  }

  #checkHeader(record: WalRecord, path: string): number {
    if (record.kind !== 'segment') throw damaged(path, 0, 'a segment must begin with its header');
    if (record.version < 1 || record.version > WAL_VERSION) {
      throw new SwarmError(
        'DATA_FOREIGN',
        `${path} has format ${record.version}; this release reads formats 1 to ${WAL_VERSION}. Use the release that wrote it`,
        { path, version: record.version },
      );
    }
    const { clusterId, nodeId } = record.owner;
    if (clusterId === this.#owner.clusterId && nodeId === this.#owner.nodeId) return record.version;
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

  #checkPlace({ record }: PlacedRecord, path: string, offset: number): void {
    const before = this.#unfinished.at(-1);
    if (record.kind === 'segment' ? offset === 0 : record.kind !== 'start' || before?.kind === 'segment')
      return;
    throw damaged(path, offset, `a record of kind ${record.kind} stands where none may be`);
  }

  #apply(record: WalRecord, path: string, offset: number): void {
    switch (record.kind) {
      case 'mark':
        return;
      case 'segment':
        this.retention.begin(this.#number);
        return;
      case 'start':
        this.#start(record.at, path, offset);
        return;
      case 'restart':
        this.#base = record.at;
        this.#entries.length = 0;
        this.#standsOnStart = false;
        this.#headless = undefined;
        this.retention.apply({ restartAt: record.at, truncateFrom: undefined });
        return;
      case 'hard-state':
        this.#hardState = record.hardState;
        return;
      case 'truncate':
        this.#truncate(record.from, path, offset);
        return;
      case 'entry': {
        const due = this.#base.index + this.#entries.length + 1;
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

  #truncate(from: LogIndex, path: string, offset: number): void {
    if (from <= this.#base.index) {
      const error = damaged(path, offset, `the log is cut at ${from}, before its first entry`);
      if (!this.#standsOnStart || from < 1) throw error;
      this.#headless ??= error;
      this.#base = { index: (from - 1) as LogIndex, term: TERM_ZERO };
      this.#entries.length = 0;
    }
    this.#entries.length = Math.min(this.#entries.length, from - this.#base.index - 1);
    this.retention.apply({ restartAt: undefined, truncateFrom: from });
  }

  /** The segments before this one, if they are there, must have come to the same place. */
  #start(at: LogPosition, path: string, offset: number): void {
    if (this.#isFirst) this.#standOn(at, path);
    else if (this.#headless === undefined && !isSamePlace(at, lastPosition(this.log))) {
      throw damaged(
        path,
        offset,
        `the segment starts behind entry ${at.index} of term ${at.term}, the log does not`,
      );
    }
    if (isKnown(at)) this.retention.setStart(at.index);
  }

  #standOn(at: LogPosition, path: string): void {
    this.#base = at;
    this.#standsOnStart = this.#number > 1;
    if (!isKnown(at))
      this.#headless = damaged(path, 0, `the term of entry ${at.index}, before it, is not known`);
  }
}

function isSamePlace(at: LogPosition, last: LogPosition): boolean {
  return at.index === last.index && (at.term === last.term || !isKnown(at));
}
