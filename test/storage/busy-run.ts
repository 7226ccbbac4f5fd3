import { logIndex } from '../../src/protocol/ids.ts';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import type { RoomWatch } from '../../src/storage/disk-room.ts';
import { openWal } from '../../src/storage/wal.ts';
import type { Chance } from '../simulation/chance.ts';
import {
  entry,
  hardState,
  OWNER,
  position,
  replayed,
  snapshotAt,
  startWriter,
  type WriteParts,
  type Writer,
} from './log-writes.ts';
import { lastOf, termIn } from './reference-log.ts';
import { got, pieces, save } from './snapshots.ts';

/** What may be asked of a folder at one moment of a run. */
export interface Claim {
  /** The first so many writes were acknowledged. */
  readonly acknowledged: number;
  /** No more than so many had been asked for. */
  readonly queued: number;
  /** The last one that was said to be durable. */
  readonly saved: SnapshotMeta | undefined;
  /** On its way since. */
  readonly saving: SnapshotMeta | undefined;
}

const AMPLE: RoomWatch = { measure: async () => ({ freeBytes: 1e12, totalBytes: 1e12 }) };
/** Nothing is written ahead then, and images are small. */
export const SHORT: RoomWatch = {
  measure: async () => ({ freeBytes: 0, totalBytes: 1e12 }),
  lookAgainMs: 1e6,
};
/** Of so many lives, one writes zeros ahead. */
const AMPLE_EVERY = 6;
/** Of so many lives, one has the words of its witness synced. */
const SYNCED_EVERY = 8;
/** Longer than any run. */
const NEVER_MS = 2 ** 31 - 1;

const SMALL_SEGMENTS = 4_000;

/** One log through some lives, with all that a node does to it; everything it was asked for is on a list. */
export class BusyRun {
  readonly writes: WriteParts[] = [];
  readonly #folder: string;
  readonly #chance: Chance;
  readonly #onClaim: (claim: Claim) => void;
  #writer: Writer | undefined;
  #lives = 0;
  /** Writes of earlier lives. */
  #before = 0;
  #saved: SnapshotMeta | undefined;
  #saving: SnapshotMeta | undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(folder: string, chance: Chance, onClaim: (claim: Claim) => void) {
    this.#folder = folder;
    this.#chance = chance;
    this.#onClaim = onClaim;
  }

  async go(actions: number): Promise<void> {
    for (let count = 0; count < actions; count += 1) {
      const writer = this.#writer ?? (await this.#open());
      await this.#act(writer);
      this.#tell();
    }
    await this.#close();
  }

  async #act(writer: Writer): Promise<void> {
    const chance = this.#chance;
    const dice = chance.integer(1, 100);
    if (dice <= 80) {
      for (let count = chance.pick([1, 1, 1, 2, 3]); count > 0; count -= 1)
        this.#queue(writer, this.#anyWrite());
      if (chance.happens(0.8)) await writer.settled(this.writes.length - this.#before);
    } else if (dice <= 90) this.#beginSnapshot(writer);
    else if (dice <= 95) await this.#underWay;
    else if (dice <= 97) await this.#takeForeignSnapshot(writer);
    else await this.#close();
  }

  async #open(): Promise<Writer> {
    this.#lives += 1;
    const room = this.#lives % AMPLE_EVERY === 0 ? AMPLE : SHORT;
    // Never by the clock: how many images there are must not depend on how fast the machine is.
    const witness = { syncAfterMs: this.#lives % SYNCED_EVERY === 0 ? 0 : NEVER_MS };
    const options = { ...OWNER, maxSegmentBytes: SMALL_SEGMENTS, room, witness, folder: this.#folder };
    this.#before = this.writes.length;
    this.#writer = startWriter(await openWal(options));
    return this.#writer;
  }

  async #close(): Promise<void> {
    await this.#underWay;
    await this.#writer?.storage.close();
    this.#writer = undefined;
    this.#before = this.writes.length;
    this.#tell();
  }

  #queue(writer: Writer, write: WriteParts): void {
    this.writes.push(write);
    this.#tell();
    const sequence = writer.queue(write);
    void writer.settled(sequence).then(() => this.#tell());
  }

  #tell(): void {
    this.#onClaim({
      acknowledged: this.#before + (this.#writer?.durable.at(-1) ?? 0),
      queued: this.writes.length,
      saved: this.#saved,
      saving: this.#saving,
    });
  }

  /** What a snapshot covers is committed, and never cut. */
  #anyWrite(): WriteParts {
    const chance = this.#chance;
    const last = lastOf(replayed(this.writes));
    const covered = (this.#saving ?? this.#saved)?.index ?? 0;
    const cuts = last > covered && chance.happens(0.1);
    const left = cuts ? chance.integer(covered, last - 1) : last;
    const count = chance.pick([0, 1, 1, 1, 2, 4]);
    const term = 1 + Math.floor(this.writes.length / 10);
    const size = (): number => chance.pick([0, 20, 100, 300, 700, 1_400]);
    return {
      ...(chance.happens(0.2) ? { hardState: hardState(term, chance.pick(['n1', 'n2'])) } : {}),
      ...(cuts ? { truncateFrom: left + 1 } : {}),
      entries: Array.from({ length: count }, (_, at) => entry(left + at + 1, term, size())),
    };
  }

  #beginSnapshot({ storage }: Writer): void {
    const log = replayed(this.writes);
    const first = Math.max(log.base[0], this.#saved?.index ?? 0);
    const index = this.#chance.integer(first, lastOf(log));
    const term = termIn(log, index);
    if (this.#saving !== undefined || term === undefined || index <= (this.#saved?.index ?? 0)) return;
    const meta = snapshotAt(index, term);
    this.#underWay = this.#save(storage, meta).then(() => {
      storage.compact(logIndex(this.#chance.integer(0, index)));
    });
  }

  /** From a leader that is ahead: the log begins anew behind it. */
  async #takeForeignSnapshot(writer: Writer): Promise<void> {
    await this.#underWay;
    await writer.settled(this.writes.length - this.#before);
    const index = lastOf(replayed(this.writes)) + this.#chance.integer(1, 5);
    const term = 1_000 + this.writes.length;
    await this.#save(writer.storage, snapshotAt(index, term));
    this.#queue(writer, { restartAt: position(index, term), entries: [entry(index + 1, term, 50)] });
  }

  async #save({ snapshots }: Writer['storage'], meta: SnapshotMeta): Promise<void> {
    this.#saving = meta;
    this.#tell();
    got(await save(snapshots, meta, pieces(3, 600)));
    this.#saved = meta;
    this.#saving = undefined;
    this.#tell();
  }
}
