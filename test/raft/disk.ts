import type { Entry } from '../../src/protocol/entry.ts';
import type { HardState, LogPosition, LogWrite, SnapshotMeta } from '../../src/protocol/state.ts';
import { LOG_START } from '../../src/raft/log.ts';

/** What a node's disk holds, and the writes on their way to it. */
export class HeldDisk {
  hardState: HardState;
  base: LogPosition = LOG_START;
  entries: readonly Entry[];
  /** Snapshots are durable at once: the core hears of them only then. */
  snapshot: SnapshotMeta | undefined;
  /** While true, writes wait until the test completes them. */
  held = false;
  #queue: LogWrite[] = [];

  constructor(hardState: HardState, entries: readonly Entry[]) {
    this.hardState = hardState;
    this.entries = entries;
  }

  push(write: LogWrite): void {
    this.#queue.push(write);
  }

  /** Makes the oldest `writes` durable. Returns the sequence of the last, if any was under way. */
  complete(writes: number): number | undefined {
    const group = this.#queue.splice(0, Math.min(writes, this.#queue.length));
    for (const write of group) this.#commit(write);
    return group.at(-1)?.sequence;
  }

  /** A crash: writes under way are lost. */
  forget(): void {
    this.#queue = [];
  }

  saveSnapshot(snapshot: SnapshotMeta): void {
    this.snapshot = snapshot;
  }

  /** What a new life finds: the log, or where it falls short of the snapshot or contradicts it, the snapshot. */
  recover(): { readonly base: LogPosition; readonly entries: readonly Entry[] } {
    const { base, entries, snapshot } = this;
    if (snapshot === undefined || snapshot.index === base.index) return { base, entries };
    const last = entries.find(({ index }) => index === snapshot.index);
    return last?.term === snapshot.term ? { base, entries } : { base: snapshot, entries: [] };
  }

  #commit(write: LogWrite): void {
    if (write.restartAt !== undefined) {
      this.base = write.restartAt;
      this.entries = [];
    }
    const { truncateFrom = Number.POSITIVE_INFINITY } = write;
    this.entries = [...this.entries.filter(({ index }) => index < truncateFrom), ...write.entries];
    this.hardState = write.hardState ?? this.hardState;
  }
}
