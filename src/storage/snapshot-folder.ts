import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId, LogIndex, Term } from '../protocol/ids.ts';
import { MAX_SNAPSHOT_PIECE_BYTES } from '../protocol/limits.ts';
import type { LogPosition, SnapshotMeta } from '../protocol/state.ts';
import { type ReplayedLog, termAt } from './reconcile.ts';
import { SnapshotDecoder, type SnapshotReading } from './snapshot-file.ts';

/** A snapshot file that is whole. */
export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly path: string;
  readonly bytes: number;
}

interface SnapshotSearch {
  readonly folder: string;
  readonly clusterId: ClusterId;
}

const FILE_NAME = /^(\d{16})-(\d{1,16})\.snapshot$/;
const TEMPORARY_NAME = /^snapshot-\d+\.tmp$/;

/** Where the snapshot of a place lies. Names sort as the places do. */
export function snapshotPath(folder: string, { index, term }: LogPosition): string {
  return join(folder, `${String(index).padStart(16, '0')}-${term}.snapshot`);
}

/** Where a snapshot grows until it is whole. Nothing of it outlives its process. */
export function temporaryPath(folder: string, number: number): string {
  return join(folder, `snapshot-${number}.tmp`);
}

/**
 * The newest snapshot that is whole. A newer one that is damaged may be done without when the log holds what it
 * stood for: then it can be made again.
 *
 * @throws SwarmError DATA_DAMAGED when snapshot and log leave a gap; DATA_FOREIGN.
 */
export async function findSnapshot(
  search: SnapshotSearch,
  log: ReplayedLog,
): Promise<StoredSnapshot | undefined> {
  const { folder } = search;
  const { whole, damaged } = await searchSnapshots(search);
  const lost = damaged[0];
  const covered = whole?.meta.index ?? 0;
  if (lost !== undefined && (log.base.index > covered || termAt(log, lost.at.index) !== lost.at.term)) {
    throw lost.error;
  }
  if (log.base.index > covered) {
    throw new SwarmError(
      'DATA_DAMAGED',
      `the log in ${folder} begins behind entry ${log.base.index}, and no snapshot there holds what came before. Restore this folder from a copy, or keep it away from the swarm`,
      { path: folder },
    );
  }
  return whole;
}

interface DamagedSnapshot {
  readonly at: LogPosition;
  readonly name: string;
  readonly error: SwarmError;
}

/** The newest snapshot that is whole, and those that are newer and are not; newest first. */
export async function searchSnapshots({ folder, clusterId }: SnapshotSearch): Promise<{
  readonly whole: StoredSnapshot | undefined;
  readonly damaged: readonly DamagedSnapshot[];
}> {
  const damaged: DamagedSnapshot[] = [];
  for (const at of await listSnapshots(folder)) {
    const path = snapshotPath(folder, at);
    try {
      return { whole: await checkSnapshot(path, clusterId, at), damaged };
    } catch (error) {
      if (!(error instanceof SwarmError) || error.code !== 'DATA_DAMAGED') throw error;
      damaged.push({ at, name: basename(path), error });
    }
  }
  return { whole: undefined, damaged };
}

/** Removes what a former life left unfinished, and snapshots that `latest` has taken the place of. */
export async function cleanSnapshots(folder: string, latest: LogPosition | undefined): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY_NAME.test(name)) await rm(join(folder, name), { force: true });
  }
  if (latest !== undefined) await removeOlder(folder, latest);
}

export async function removeOlder(folder: string, latest: LogPosition): Promise<void> {
  for (const at of await listSnapshots(folder)) {
    if (at.index < latest.index) await rm(snapshotPath(folder, at), { force: true });
  }
}

/**
 * Reads a whole file and checks every byte of it.
 *
 * @throws SwarmError DATA_DAMAGED when it is not whole, or not of the place that is asked for; DATA_FOREIGN.
 */
async function checkSnapshot(path: string, clusterId: ClusterId, at: LogPosition): Promise<StoredSnapshot> {
  const handle = await open(path, 'r');
  try {
    const found = await streamSnapshot(handle, { path, clusterId, onPiece: () => undefined });
    if (found.meta.index === at.index && found.meta.term === at.term) return { ...found, path };
    throw new SwarmError('DATA_DAMAGED', `${path} holds another snapshot than its name says`, { path });
  } finally {
    await handle.close();
  }
}

/**
 * Reads a snapshot from its beginning to its end, slice by slice.
 *
 * @throws SwarmError DATA_DAMAGED, DATA_FOREIGN
 */
export async function streamSnapshot(
  handle: FileHandle,
  reading: SnapshotReading,
): Promise<{ readonly meta: SnapshotMeta; readonly bytes: number }> {
  const decoder = new SnapshotDecoder(reading);
  const slice = Buffer.allocUnsafeSlow(MAX_SNAPSHOT_PIECE_BYTES);
  for (let bytes = 0; ; ) {
    const { bytesRead } = await handle.read(slice, 0, slice.length, bytes);
    if (bytesRead === 0) return { meta: decoder.finish(), bytes };
    bytes += bytesRead;
    decoder.add(slice.subarray(0, bytesRead));
  }
}

/** Places of the snapshots of a folder, newest first. */
async function listSnapshots(folder: string): Promise<readonly LogPosition[]> {
  const found = (await readdir(folder)).flatMap((name) => {
    const [, index, term] = FILE_NAME.exec(name) ?? [];
    return index === undefined ? [] : [{ index: Number(index) as LogIndex, term: Number(term) as Term }];
  });
  return found.sort((left, right) => right.index - left.index);
}
