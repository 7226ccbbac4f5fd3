import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Entry } from '../protocol/entry.ts';
import type { SwarmError } from '../protocol/errors.ts';
import type { ClusterId } from '../protocol/ids.ts';
import type { HardState, LogPosition, SnapshotMeta } from '../protocol/state.ts';
import { LOG_START, lastPosition, type ReplayedLog, reconcile } from './reconcile.ts';
import { isDamage } from './salvage.ts';
import { SnapshotDecoder } from './snapshot-file.ts';
import { type StoredSnapshot, searchSnapshots, streamSnapshot } from './snapshot-folder.ts';
import { openWal } from './wal.ts';
import { readSegments, syncFolder } from './wal-folder.ts';
import { isKnown, type Owner } from './wal-record.ts';
import { replayPrefix, replaySegments } from './wal-replay.ts';
import { lossOf, readWitness } from './wal-witness.ts';

/** All that can be read of a node's data by somebody who is not the node. */
export interface OfflineState {
  readonly hardState: HardState;
  readonly last: LogPosition;
  /** The newest that is whole. */
  readonly snapshot: StoredSnapshot | undefined;
  /** Behind the snapshot. */
  readonly entries: readonly Entry[];
  /** Why this is not all that the node once had. */
  readonly damage: SwarmError | undefined;
}

/**
 * Reads log and snapshots as far as they can be read, and writes nothing. Undefined when there is no log.
 *
 * @throws SwarmError DATA_FOREIGN; errors of the file system as they come.
 */
export async function readOfflineState(folder: string, owner: Owner): Promise<OfflineState | undefined> {
  const segments = await readSegments(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  if (segments.length === 0) return undefined;
  const witnessed = await readWitness(folder);
  let damage: SwarmError | undefined;
  let log: ReplayedLog;
  try {
    const replayed = replaySegments(segments, owner);
    log = replayed.log;
    damage = lossOf(
      folder,
      { segment: segments.at(-1)?.number ?? 0, bytes: replayed.end.validBytes },
      witnessed,
    );
  } catch (error) {
    if (!isDamage(error)) throw error;
    damage = error;
    log = replayPrefix(segments, owner);
  }
  const found = await searchSnapshots({ folder, clusterId: owner.clusterId });
  const snapshot = found.whole;
  const whole = besideSnapshot(log, snapshot?.meta);
  const covered = snapshot?.meta.index ?? 0;
  return {
    hardState: log.hardState,
    last: lastPosition(whole),
    snapshot,
    entries: whole.entries.filter(({ index }) => index > covered),
    damage: damage ?? found.damaged[0]?.error,
  };
}

/** What follows a gap says nothing. */
function besideSnapshot(
  log: ReplayedLog,
  snapshot: SnapshotMeta | undefined,
): Pick<ReplayedLog, 'base' | 'entries'> {
  if (isKnown(log.base) && log.base.index <= (snapshot?.index ?? 0)) return reconcile(log, snapshot);
  return { base: snapshot ?? LOG_START, entries: [] };
}

/** Reads a snapshot from its file, piece by piece. @throws SwarmError DATA_DAMAGED, DATA_FOREIGN */
export async function readSnapshot(
  { path }: StoredSnapshot,
  clusterId: ClusterId,
  onPiece: (piece: Uint8Array) => void,
): Promise<SnapshotMeta> {
  const handle = await open(path, 'r');
  try {
    return (await streamSnapshot(handle, { path, clusterId, onPiece })).meta;
  } finally {
    await handle.close();
  }
}

/** The bytes of the newest snapshot of a node that may be at work, which may replace it meanwhile; and what they stand for. */
export async function copySnapshot(
  folder: string,
  clusterId: ClusterId,
): Promise<{ readonly meta: SnapshotMeta; readonly bytes: Buffer } | undefined> {
  const { whole } = await searchSnapshots({ folder, clusterId });
  return whole === undefined ? undefined : { meta: whole.meta, bytes: await readFile(whole.path) };
}

/** Reads a snapshot from its bytes. `path`: for messages. @throws SwarmError DATA_DAMAGED, DATA_FOREIGN */
export function decodeSnapshot(
  bytes: Uint8Array,
  reading: { readonly path: string; readonly clusterId: ClusterId; onPiece(piece: Uint8Array): void },
): SnapshotMeta {
  const decoder = new SnapshotDecoder(reading);
  decoder.add(bytes);
  return decoder.finish();
}

/** Makes a log that begins behind a snapshot, in a folder that is not there yet. */
export async function plantSnapshot(
  owner: Owner & { readonly folder: string },
  meta: SnapshotMeta,
  pieces: Iterator<Uint8Array>,
): Promise<void> {
  const storage = await openWal(owner);
  try {
    await new Promise<void>((resolve, reject) => {
      storage.snapshots.save(meta, pieces, (outcome) => (outcome.ok ? resolve() : reject(outcome.error)));
    });
  } finally {
    await storage.close();
  }
}

/** A name that is changed for good before anything else is done. Both lie in one file system. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  for (const folder of new Set([dirname(to), dirname(from)])) await syncFolder(folder);
}
