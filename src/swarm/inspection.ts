import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { SnapshotStore } from '../storage/port.ts';
import { TaskMachine } from '../tasks/machine.ts';
import type { Inspection } from './wire.ts';

interface InspectionOptions {
  readonly machine: TaskMachine;
  readonly snapshots: SnapshotStore;
  /** Of a full checkpoint that this node has applied. */
  readonly index: number;
  /** Version of this package. */
  readonly release: string;
}

/**
 * Looks through everything that a node holds: the state as it was at the checkpoint, piece by piece, by
 * building another machine of it; and the latest snapshot file, checksum by checksum.
 *
 * @throws SwarmError NOT_READY when the checkpoint is not noted here, or was looked through already; DATA_DAMAGED.
 */
export async function inspect({
  machine,
  snapshots,
  index,
  release,
}: InspectionOptions): Promise<Inspection> {
  const image = machine.checkpointAt(index)?.image;
  if (image === undefined) {
    throw new SwarmError('NOT_READY', `this node holds no state of index ${index}; verify again`);
  }
  const digest = createHash('sha256');
  const copy = new TaskMachine();
  const restoration = copy.restore();
  for (let next = image.next(); next.done !== true; next = image.next()) {
    digest.update(next.value);
    restoration.add(next.value);
    // A large state must not hold up the heartbeats.
    await turn();
  }
  restoration.finish();
  return {
    release,
    digest: digest.digest('hex'),
    restoredHash: copy.stateHash,
    snapshotIndex: await readAgain(snapshots),
  };
}

/** Reads the latest snapshot from the disk. Returns its index; 0 when there is none. */
function readAgain(snapshots: SnapshotStore): Promise<number> {
  if (snapshots.latest === undefined) return Promise.resolve(0);
  return new Promise((resolve, reject) => {
    snapshots.load(
      () => undefined,
      (outcome) => {
        if (outcome.ok) resolve(outcome.value.index);
        else reject(outcome.error);
      },
    );
  });
}
