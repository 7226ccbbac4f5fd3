import { mkdirSync, statSync } from 'node:fs';
import { open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { lockFolder } from './folder-lock.ts';
import type { Segment } from './wal-replay.ts';

const SEGMENT_NAME = /^(\d{8})\.wal$/;

/**
 * Takes the data folder for this process, and creates it durably if there is none.
 *
 * @returns the function that gives it back.
 * @throws SwarmError DATA_LOCKED.
 */
export async function claimFolder(folder: string): Promise<() => void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unlock = lockFolder(folder);
  try {
    await syncNames(folder);
  } catch (error) {
    unlock();
    throw error;
  }
  return unlock;
}

/**
 * Makes the names in a folder durable, its own, and those of the folders that it lies in: without them all
 * that was synced is gone after a power cut (etcd 6368). At every opening, because a life that made a
 * folder or a segment may have been killed before it came to this.
 */
async function syncNames(folder: string): Promise<void> {
  let here = resolve(folder);
  const { dev } = statSync(here);
  await syncFolder(here);
  for (let above = dirname(here); above !== here && statSync(above).dev === dev; above = dirname(here)) {
    await syncIfOurs(above);
    here = above;
  }
}

/** A folder that we may not even look into was there before us. */
async function syncIfOurs(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error;
  }
}

/** Path of one segment. Numbers count up from 1; names sort as the numbers do. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(8, '0')}.wal`);
}

/** The segments of a folder, oldest first. */
export async function readSegments(folder: string): Promise<readonly Segment[]> {
  const names = (await readdir(folder)).filter((name) => SEGMENT_NAME.test(name)).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(folder, name);
    segments.push({ number: Number.parseInt(name, 10), path, bytes: await readFile(path) });
  }
  return segments;
}

/**
 * Removes a segment, durably: were the next one removed before that, a crash could leave this one, and a gap
 * behind it.
 */
export async function removeSegment(folder: string, number: number): Promise<void> {
  await unlink(segmentPath(folder, number));
  await syncFolder(folder);
}

/** Cuts a file, durably: a tail that came back behind newer records would be read as their continuation. */
export async function cutFile(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
