import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { ClusterId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { SnapshotReader, SnapshotReceipt, SnapshotSource, SnapshotStore } from './port.ts';
import { SnapshotDecoder, SnapshotEncoder } from './snapshot-file.ts';
import { forgotten, isSameSource, mismatch, noSnapshot, tooLong } from './snapshot-source.ts';

interface MemorySnapshotsOptions {
  readonly disk: MemoryDisk;
  /** Runs `work` when the disk has come to it, unless the storage was closed or crashed before. */
  schedule(work: () => void): void;
}

/** Pieces written before the event loop has its turn. */
const PIECES_AT_ONCE = 2;

/** Memory disks know no clusters. */
const NO_CLUSTER = '' as ClusterId;

interface PartialFile {
  readonly source: SnapshotSource;
  bytes: Uint8Array;
}

/** Snapshots on a disk in memory: what was not finished when the storage crashed is gone. */
export class MemorySnapshots implements SnapshotStore {
  readonly #disk: MemoryDisk;
  readonly #schedule: (work: () => void) => void;
  #saving = false;
  #partial: PartialFile | undefined;

  constructor({ disk, schedule }: MemorySnapshotsOptions) {
    this.#disk = disk;
    this.#schedule = inOrder(schedule);
  }

  get latest(): SnapshotMeta | undefined {
    return this.#disk.snapshot?.meta;
  }

  get latestBytes(): number {
    return this.#disk.snapshot?.bytes.length ?? 0;
  }

  save(meta: SnapshotMeta, pieces: Iterator<Uint8Array>, done: (outcome: Outcome<void>) => void): void {
    invariant(!this.#saving, 'one snapshot is saved at a time');
    this.#saving = true;
    const encoder = new SnapshotEncoder();
    const written: Uint8Array[] = [encoder.header(NO_CLUSTER, meta)];
    const goOn = (): void => {
      for (let count = 0; count < PIECES_AT_ONCE; count++) {
        const next = pieces.next();
        if (next.done === true) {
          written.push(encoder.trailer());
          this.#disk.saveSnapshot(meta, Buffer.concat(written));
          this.#saving = false;
          return done({ ok: true, value: undefined });
        }
        written.push(encoder.piece(next.value));
      }
      this.#schedule(goOn);
    };
    this.#schedule(goOn);
  }

  load(onPiece: (piece: Uint8Array) => void, done: (outcome: Outcome<SnapshotMeta>) => void): void {
    this.#schedule(() => done(decode(this.#disk.snapshot?.bytes, onPiece)));
  }

  open(done: (outcome: Outcome<SnapshotReader>) => void): void {
    this.#schedule(() => {
      const { snapshot } = this.#disk;
      if (snapshot === undefined) return done({ ok: false, error: noSnapshot() });
      const { meta, bytes } = snapshot;
      const reader: SnapshotReader = {
        meta,
        totalBytes: bytes.length,
        read: (offset, length, answer) => {
          this.#schedule(() => answer({ ok: true, value: bytes.subarray(offset, offset + length) }));
        },
        close: () => undefined,
      };
      done({ ok: true, value: reader });
    });
  }

  receive(source: SnapshotSource, done: (outcome: Outcome<SnapshotReceipt>) => void): void {
    this.#schedule(() => {
      if (this.#partial === undefined || !isSameSource(this.#partial.source, source)) {
        this.#partial = { source, bytes: new Uint8Array(0) };
      }
      done({ ok: true, value: this.#receipt(this.#partial) });
    });
  }

  #receipt(partial: PartialFile): SnapshotReceipt {
    const { source } = partial;
    return {
      get heldBytes() {
        return partial.bytes.length;
      },
      append: (bytes, done) => {
        this.#schedule(() => {
          if (this.#partial !== partial) return done({ ok: false, error: forgotten(source) });
          if (partial.bytes.length + bytes.length > source.totalBytes) {
            this.#partial = undefined;
            return done({ ok: false, error: tooLong(source) });
          }
          partial.bytes = Buffer.concat([partial.bytes, bytes]);
          done({ ok: true, value: undefined });
        });
      },
      finish: (done) => {
        this.#schedule(() => {
          if (this.#partial !== partial) return done({ ok: false, error: forgotten(source) });
          this.#partial = undefined;
          done(this.#finish(partial));
        });
      },
    };
  }

  #finish({ source, bytes }: PartialFile): Outcome<SnapshotMeta> {
    const outcome = decode(bytes, () => undefined);
    if (!outcome.ok) return outcome;
    const error = mismatch(source, outcome.value, bytes.length);
    if (error !== undefined) return { ok: false, error };
    this.#disk.saveSnapshot(outcome.value, bytes);
    return outcome;
  }
}

/** A disk does one thing after the other, however long each takes. */
function inOrder(schedule: (work: () => void) => void): (work: () => void) => void {
  const queue: (() => void)[] = [];
  let isBusy = false;
  const next = (): void => {
    const work = queue.shift();
    isBusy = work !== undefined;
    if (work === undefined) return;
    schedule(() => {
      work();
      next();
    });
  };
  return (work) => {
    queue.push(work);
    if (!isBusy) next();
  };
}

function decode(bytes: Uint8Array | undefined, onPiece: (piece: Uint8Array) => void): Outcome<SnapshotMeta> {
  if (bytes === undefined) return { ok: false, error: noSnapshot() };
  try {
    return { ok: true, value: readSnapshot(bytes, onPiece) };
  } catch (error) {
    if (error instanceof SwarmError) return { ok: false, error };
    throw error;
  }
}

/** @throws SwarmError DATA_DAMAGED */
export function readSnapshot(bytes: Uint8Array, onPiece: (piece: Uint8Array) => void): SnapshotMeta {
  const decoder = new SnapshotDecoder({ path: 'the snapshot', clusterId: NO_CLUSTER, onPiece });
  decoder.add(bytes);
  return decoder.finish();
}
