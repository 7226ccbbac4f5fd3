import { existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import { holderOf } from './folder-lock.ts';
import { lastPosition, reconcile } from './reconcile.ts';
import { findSnapshot } from './snapshot-folder.ts';
import { readSegments } from './wal-folder.ts';
import { decodeRecord, type Owner } from './wal-record.ts';
import { replaySegments } from './wal-replay.ts';
import { type DurableEnd, lossOf, readWitness } from './wal-witness.ts';

const SEGMENT_NAME = /^\d{8}\.wal$/;

export type { DurableEnd };

/** Segments to be read, by somebody who is not the node. */
export interface OfflineLog {
  readonly folder: string;
  /** Paths, oldest first. */
  readonly segments: readonly string[];
  /** The process that uses the folder now: the end of its log moves while it is read. */
  readonly heldBy: number | undefined;
  /** The second mark: up to where the log is known to have been durable. */
  readonly durable: DurableEnd | undefined;
}

/**
 * Finds the log at `path`: a folder with segments, the folder of a node that has one, or one segment. Writes nothing.
 *
 * @throws SwarmError BAD_INPUT when there is none.
 */
export async function findOfflineLog(path: string): Promise<OfflineLog> {
  const isFile = !look(path).isDirectory();
  const folder = isFile ? dirname(path) : folderWithSegments(path);
  if (isFile) readOfflineSegment(path);
  const segments = isFile ? [path] : segmentNames(folder).map((name) => join(folder, name));
  return { folder, segments, heldBy: holderOf(folder), durable: await readWitness(folder) };
}

/**
 * The bytes of one segment, and whether another one follows it.
 *
 * @throws SwarmError BAD_INPUT for a file that neither is called as a segment nor begins as one.
 */
export function readOfflineSegment(path: string): { readonly bytes: Buffer; readonly hasSuccessor: boolean } {
  const name = basename(path);
  const bytes = readFileSync(path);
  const isCalledSo = SEGMENT_NAME.test(name);
  if (!isCalledSo && decodeRecord(bytes, 0)?.record.kind !== 'segment') {
    throw new SwarmError(
      'BAD_INPUT',
      `${path} is no segment of a log: it is not called so (00000001.wal), and does not begin with the header of one`,
    );
  }
  const hasSuccessor = isCalledSo && segmentNames(dirname(path)).some((other) => other > name);
  return { bytes, hasSuccessor };
}

function look(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new SwarmError(
      'BAD_INPUT',
      `${path}: there is no such file or folder; name a folder with *.wal files`,
    );
  }
}

function folderWithSegments(path: string): string {
  const found = [path, join(path, 'wal')].find(
    (place) => existsSync(place) && segmentNames(place).length > 0,
  );
  if (found !== undefined) return found;
  throw new SwarmError(
    'BAD_INPUT',
    `${path} holds no log: there is no *.wal file in it; name the folder of a node`,
  );
}

function segmentNames(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => SEGMENT_NAME.test(name))
    .sort();
}

/** What a folder would come up with. */
export interface DataSummary {
  readonly segments: number;
  /** Where the next start goes on writing, in the last segment: what is behind it goes. */
  readonly validBytes: number;
  readonly lastIndex: number;
  readonly term: number;
  /** 0: there is none. */
  readonly snapshotIndex: number;
}

/**
 * Reads all of a node's log and its snapshots as an opening would, and writes nothing. What belongs to a torn tail is
 * nothing to speak of: the next opening cuts it.
 *
 * @throws SwarmError DATA_DAMAGED, DATA_FOREIGN; errors of the file system as they come.
 */
export async function checkData(folder: string, owner: Owner): Promise<DataSummary> {
  // Before the log: of one that is being written to, the mark must not know more than was read.
  const witnessed = await readWitness(folder);
  const segments = await readSegments(folder);
  const { log, end } = replaySegments(segments, owner);
  const loss = lossOf(folder, { segment: segments.at(-1)?.number ?? 0, bytes: end.validBytes }, witnessed);
  if (loss !== undefined) throw loss;
  const snapshot = await findSnapshot({ folder, clusterId: owner.clusterId }, log);
  if (snapshot !== undefined && segments.length === 0) {
    throw new SwarmError(
      'DATA_DAMAGED',
      `${folder}: there is a snapshot, but not the log that belongs to it`,
    );
  }
  const recovered = reconcile(log, snapshot?.meta);
  return {
    segments: segments.length,
    validBytes: end.validBytes,
    lastIndex: lastPosition(recovered).index,
    term: recovered.hardState.term,
    snapshotIndex: snapshot?.meta.index ?? 0,
  };
}

/** Whose log it is, as its first readable header says. */
export function ownerOf(segments: readonly string[]): Owner | undefined {
  for (const path of segments) {
    const record = decodeRecord(readFileSync(path), 0)?.record;
    if (record?.kind === 'segment') return record.owner;
  }
  return undefined;
}
