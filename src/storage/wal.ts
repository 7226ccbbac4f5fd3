import { SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { InvariantError, invariant } from '../protocol/invariant.ts';
import { MAX_SEGMENT_BYTES, MAX_SYNC_MS } from '../protocol/limits.ts';
import { isBefore, type LogPosition, type LogWrite } from '../protocol/state.ts';
import { boundedSyncs } from './bounded-sync.ts';
import { diskFailed, diskShort } from './disk-error.ts';
import { DiskRoom, patientFiles, type RoomWatch } from './disk-room.ts';
import type { LogStorage, RecoveredLog, StorageListener } from './port.ts';
import { compactableTo, requireRecovered } from './reconcile.ts';
import type { Salvaged } from './salvage.ts';
import { removeSalvageNote } from './salvage-note.ts';
import type { SnapshotFiles } from './snapshot-store.ts';
import { type OpenWalFile, openWalFile } from './wal-file.ts';
import { claimFolder, removeSegment } from './wal-folder.ts';
import { isKnown } from './wal-record.ts';
import { type LogTail, type RecoveryOptions, recoverLog, tailAfter } from './wal-recovery.ts';
import type { SegmentRetention } from './wal-retention.ts';
import type { SegmentWriter } from './wal-segment.ts';
import type { WalWitness, WitnessOptions } from './wal-witness.ts';

export interface WalOptions extends RecoveryOptions {
  readonly witness?: WitnessOptions;
  /** A segment of at least this size gets a successor. Default `MAX_SEGMENT_BYTES`. */
  readonly maxSegmentBytes?: number;
  /** How the room on the disk is watched. */
  readonly room?: RoomWatch;
  /** Default `MAX_SYNC_MS`. */
  readonly maxSyncMs?: number;
  /** Part of the log was damaged; `hasPeers` let it be opened all the same. */
  onSalvaged?(salvaged: Salvaged): void;
  /** The others have sent what was lacking since then. */
  onRepaired?(): void;
}

/**
 * Opens the write-ahead log of one node with the snapshots beside it, and creates its folder if there is none.
 *
 * @throws SwarmError DATA_LOCKED, DATA_DAMAGED, DATA_FOREIGN; DISK_FAILED when the folder cannot be used.
 */
export async function openWal(options: WalOptions): Promise<LogStorage> {
  const { folder } = options;
  let unlock: (() => void) | undefined;
  try {
    unlock = await claimFolder(folder);
    const room = new DiskRoom({ folder, ...options.room });
    const { maxSyncMs = MAX_SYNC_MS } = options;
    const careful = (openFile = openWalFile): OpenWalFile =>
      patientFiles(room, boundedSyncs(openFile, maxSyncMs));
    const found = await recoverLog(options, {
      openFile: careful(options.openFile),
      mayPreallocate: () => !room.isShort,
      witness: { ...options.witness, openFile: careful(options.witness?.openFile) },
    });
    const wal = new Wal(options, { ...found, room, unlock });
    await wal.watchRoom();
    if (found.salvaged !== undefined) options.onSalvaged?.(found.salvaged);
    return wal;
  } catch (error) {
    unlock?.();
    if (error instanceof SwarmError || error instanceof InvariantError) throw error;
    throw diskFailed(folder, error);
  }
}

interface WalStart {
  readonly recovered: RecoveredLog;
  readonly writer: SegmentWriter;
  readonly retention: SegmentRetention;
  readonly tail: LogTail;
  readonly snapshots: SnapshotFiles;
  readonly witness: WalWitness;
  readonly room: DiskRoom;
  readonly unlock: () => void;
}

/**
 * Share of a full segment from which on compaction ends it: nothing of a segment can be freed while it is
 * written to.
 */
const WORTH_FREEING = 1 / 8;

/** One group at a time: while it syncs, what comes in becomes the next one. */
class Wal implements LogStorage {
  readonly snapshots: SnapshotFiles;
  readonly #folder: string;
  readonly #maxSegmentBytes: number;
  readonly #writer: SegmentWriter;
  readonly #retention: SegmentRetention;
  readonly #witness: WalWitness;
  readonly #room: DiskRoom;
  readonly #unlock: () => void;
  #recovered: RecoveredLog | undefined;
  /** After the last durable group. */
  #tail: LogTail;
  #listener: StorageListener | undefined;
  #queue: LogWrite[] = [];
  /** On its way to the disk. */
  #group: readonly LogWrite[] = [];
  #phase: 'idle' | 'flushing' | 'failed' = 'idle';
  #compactTo = 0 as LogIndex;
  #segmentIsFull = false;
  /** Frees segments; does not reject. */
  #removal: Promise<void> | undefined;
  /** What failed beside the groups: told when the one under way has ended. */
  #failureBeside: SwarmError | undefined;
  #onRest: () => void = () => undefined;
  #closed: Promise<void> | undefined;
  /** Until the log is as far as this again it lacks what was damaged of it. */
  #floor: LogPosition | undefined;
  readonly #onRepaired: (() => void) | undefined;
  /** Forgets the floor; does not reject. */
  #forgetting: Promise<void> | undefined;

  constructor(options: WalOptions, start: WalStart) {
    const { folder, maxSegmentBytes = MAX_SEGMENT_BYTES } = options;
    this.#folder = folder;
    this.#floor = start.recovered.floor;
    this.#onRepaired = options.onRepaired;
    this.#maxSegmentBytes = maxSegmentBytes;
    this.#recovered = start.recovered;
    this.#writer = start.writer;
    this.#retention = start.retention;
    this.#tail = start.tail;
    this.snapshots = start.snapshots;
    this.#witness = start.witness;
    this.#room = start.room;
    this.#unlock = start.unlock;
  }

  get recovered(): RecoveredLog {
    return requireRecovered(this.#recovered);
  }

  get shortage(): SwarmError | undefined {
    return this.#room.isShort ? diskShort(this.#folder) : undefined;
  }

  /** Known before the first command can come in. */
  watchRoom(): Promise<void> {
    return this.#room.begin(() => this.#listener?.onRoomChanged?.(this.shortage));
  }

  start(listener: StorageListener): void {
    invariant(this.#listener === undefined, 'a log is started once');
    this.#listener = listener;
    this.#recovered = undefined;
    if (this.#room.isShort) listener.onRoomChanged?.(this.shortage);
  }

  write(write: LogWrite): void {
    if (this.#phase === 'failed' || this.#closed !== undefined) return;
    this.#queue.push(write);
    if (this.#phase !== 'idle') return;
    this.#phase = 'flushing';
    // Not at once: all writes of one turn belong into one group.
    queueMicrotask(() => this.#flush());
  }

  compact(index: LogIndex): void {
    invariant(index <= (this.snapshots.latest?.index ?? 0), 'only what a snapshot covers may be let go of');
    if (index <= this.#compactTo || this.#closed !== undefined) return;
    this.#compactTo = index;
    this.#segmentIsFull ||= this.#writer.bytes >= this.#maxSegmentBytes * WORTH_FREEING;
    this.#free();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // What waits for room is told that there is none.
    this.#room.stop();
    await this.snapshots.close();
    if (this.#phase === 'flushing') {
      await new Promise<void>((resolve) => {
        this.#onRest = resolve;
      });
    }
    await this.#witness.rest();
    await this.#removal;
    await this.#forgetting;
    try {
      const isSound = this.#phase === 'idle';
      if (isSound) await this.#writer.mark();
      await this.#writer.close();
      await this.#witness.close(isSound ? { ...this.#writer.end, tail: this.#tail } : undefined);
    } catch (error) {
      throw diskFailed(this.#folder, error);
    } finally {
      await this.#giveBack();
    }
  }

  /** Whatever became of the last file, the folder is free for the next life. */
  async #giveBack(): Promise<void> {
    try {
      await this.#writer.close();
      await this.#witness.close(undefined);
    } finally {
      this.#unlock();
    }
  }

  #flush(): void {
    this.#group = this.#queue;
    const last = this.#group.at(-1);
    if (last === undefined) return this.#rest('idle');
    this.#queue = [];
    if (!this.#segmentIsFull && this.#writer.bytes < this.#maxSegmentBytes) {
      return this.#writeGroup(last.sequence);
    }
    this.#beginSegment().then(
      () => this.#writeGroup(last.sequence),
      (error: unknown) => this.#fail(error),
    );
  }

  #writeGroup(sequence: number): void {
    const begunAt = this.#writer.bytes;
    this.#writer.write(this.#group, (error) => {
      const failure = error ?? this.#failureBeside;
      if (failure !== undefined) return this.#fail(failure);
      this.#room.noteWritten(this.#writer.bytes - begunAt);
      for (const write of this.#group) {
        this.#retention.apply(write);
        this.#compactTo = Math.max(this.#compactTo, write.restartAt?.index ?? 0) as LogIndex;
        this.#tail = tailAfter(this.#tail, write);
      }
      const end = { ...this.#writer.end, tail: this.#tail };
      // The next group is on its way to the disk before anybody hears of this one.
      this.#flush();
      this.#free();
      this.#witness.tell(end, (silence) => {
        if (silence !== null) return this.#failBeside(silence);
        this.#considerRepaired();
        if (this.#phase !== 'failed') this.#listener?.onDurable(sequence);
      });
    });
  }

  /** Whoever comes after this life would find the same: the note is a help to nobody any more. */
  #considerRepaired(): void {
    if (this.#floor === undefined || isBefore(this.#tail.last, this.#floor)) return;
    this.#floor = undefined;
    this.#forgetting = removeSalvageNote(this.#folder).then(
      () => this.#onRepaired?.(),
      (error: unknown) => this.#fail(error),
    );
  }

  async #beginSegment(): Promise<void> {
    this.#segmentIsFull = false;
    await this.#writer.begin(this.#writer.number + 1, this.#tail);
    const { last } = this.#tail;
    this.#retention.begin(this.#writer.number, isKnown(last) ? last.index : undefined);
  }

  /** Removes segments that are needed no longer, beside the writing. */
  #free(): void {
    if (this.#removal !== undefined || this.#nextFree() === undefined) return;
    this.#removal = this.#removeFree().then(
      () => {
        this.#removal = undefined;
      },
      (error: unknown) => {
        this.#removal = undefined;
        this.#failBeside(error);
      },
    );
  }

  async #removeFree(): Promise<void> {
    for (let number = this.#nextFree(); number !== undefined; number = this.#nextFree()) {
      await removeSegment(this.#folder, number);
      this.#retention.removeOldest();
    }
  }

  /** The oldest segment, if it is needed no longer. */
  #nextFree(): number | undefined {
    if (this.#phase === 'failed' || this.#failureBeside !== undefined) return undefined;
    if (this.#retention.oldestFree(this.#compactTo) === undefined) return undefined;
    return this.#retention.oldestFree(compactableTo(this.#compactTo, [...this.#group, ...this.#queue]));
  }

  #failBeside(cause: unknown): void {
    this.#failureBeside ??= diskFailed(this.#folder, cause);
    if (this.#phase === 'idle') this.#fail(this.#failureBeside);
  }

  /** What the kernel did with the pages is not known any more: never try again (ATC'20). */
  #fail(cause: unknown): void {
    this.#rest('failed');
    this.#listener?.onFailed(cause instanceof SwarmError ? cause : diskFailed(this.#folder, cause));
  }

  #rest(phase: 'idle' | 'failed'): void {
    this.#phase = phase;
    this.#queue = [];
    this.#group = [];
    this.#onRest();
  }
}
