import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { ClusterId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { SnapshotReader, SnapshotReceipt, SnapshotSource, SnapshotStore } from './port.ts';
import { SnapshotDecoder, SnapshotEncoder } from './snapshot-file.ts';

interface MemorySnapshotsOptions {
  readonly disk: MemoryDisk;
  /** Runs `work` when the disk has come to it, unless the storage was closed or crashed before. */
  schedule(work: () => void): void;
}

/** Pieces written before the event loop has its turn. */
const PIECES_AT_ONCE = 2;

/** Memory disks know no clusters. */
const NO_CLUSTER = '' as ClusterId;

/** Snapshots on a disk in memory: what was not finished when the storage crashed is gone. */
export class MemorySnapshots implements SnapshotStore {
  readonly #disk: MemoryDisk;
  readonly #schedule: (work: () => void) => void;
  #saving = false;
  #partial: { readonly source: SnapshotSource; bytes: Uint8Array } | undefined;

  constructor({ disk, schedule }: MemorySnapshotsOptions) {
    this.#disk = disk;
    this.#schedule = schedule;
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
      if (snapshot === undefined) return done({ ok: false, error: nothingThere() });
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
      if (this.#partial === undefined || !isSame(this.#partial.source, source)) {
        this.#partial = { source, bytes: new Uint8Array(0) };
      }
      done({ ok: true, value: this.#receipt(this.#partial) });
    });
  }

  #receipt(partial: { readonly source: SnapshotSource; bytes: Uint8Array }): SnapshotReceipt {
    return {
      get heldBytes() {
        return partial.bytes.length;
      },
      append: (bytes, done) => {
        this.#schedule(() => {
          partial.bytes = Buffer.concat([partial.bytes, bytes]);
          done({ ok: true, value: undefined });
        });
      },
      finish: (done) => {
        this.#schedule(() => {
          this.#partial = undefined;
          const outcome = decode(partial.bytes, () => undefined);
          if (outcome.ok && outcome.value.index !== partial.source.index) {
            return done({ ok: false, error: nothingThere() });
          }
          if (outcome.ok) this.#disk.saveSnapshot(outcome.value, partial.bytes);
          done(outcome);
        });
      },
    };
  }
}

function decode(bytes: Uint8Array | undefined, onPiece: (piece: Uint8Array) => void): Outcome<SnapshotMeta> {
  if (bytes === undefined) return { ok: false, error: nothingThere() };
  try {
    const decoder = new SnapshotDecoder({ path: 'the snapshot', clusterId: NO_CLUSTER, onPiece });
    decoder.add(bytes);
    return { ok: true, value: decoder.finish() };
  } catch (error) {
    if (error instanceof SwarmError) return { ok: false, error };
    throw error;
  }
}

function isSame(left: SnapshotSource, right: SnapshotSource): boolean {
  return (
    left.index === right.index &&
    left.term === right.term &&
    left.leaderTerm === right.leaderTerm &&
    left.totalBytes === right.totalBytes
  );
}

function nothingThere(): SwarmError {
  return new SwarmError('DATA_DAMAGED', 'there is no such snapshot');
}
