import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import type { ClusterId } from '../../protocol/ids.ts';
import { copySnapshot } from '../../storage/offline-state.ts';
import { type Backup, encodeBackup, legacyOf } from '../../swarm/backup-file.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { readBlobFile } from '../../swarm/refounding.ts';
import { loadRoster } from '../../swarm/roster.ts';
import { type Whereabouts, whereaboutsIn } from '../../swarm/whereabouts.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder } from '../reach.ts';
import { taskCounts } from './task-counts.ts';

export interface BackupOptions extends ReachOptions {
  readonly force?: true;
}

/** A newer snapshot may take the place of the one that is being read. */
const TRIES = 5;

export async function executeBackup(file: string, options: BackupOptions): Promise<void> {
  const path = resolve(file);
  if (existsSync(path) && options.force !== true) {
    throw new SwarmError('BAD_INPUT', `${path} is there already; name another file, or add --force`);
  }
  const folder = await reachableFolder(options);
  const { backup, missing } = await gather(folder, options.timeout);
  const bytes = await encodeBackup(backup);
  await writeDurably(path, bytes);
  const { last, tasks, blobs } = backup;
  const told = { file: path, bytes: bytes.length, ...last, tasks, blobs: blobs.size, missingBlobs: missing };
  if (options.json) return printJson(told);
  printLine(`${path}: ${bytes.length} bytes, index ${last.index}, ${taskCounts(tasks)}`);
  if (missing.length > 0) {
    printLine(`${missing.length} checkpoints are on no instance of this machine: their tasks begin anew`);
  }
}

interface Gathered {
  readonly backup: Backup;
  readonly missing: readonly string[];
}

/** @throws SwarmError NOT_RUNNING, NO_QUORUM */
async function gather(folder: SwarmFolder, timeoutMs: number): Promise<Gathered> {
  let failure: SwarmError | undefined;
  for (const place of whereaboutsIn(folder)) {
    try {
      return await gatherAt(folder, place, timeoutMs);
    } catch (error) {
      // That one does not answer, or not now.
      if (!(error instanceof SwarmError)) throw error;
      failure = error;
    }
  }
  const message = 'no instance of this machine is up; a backup is made where one is';
  throw failure ?? new SwarmError('NOT_RUNNING', message);
}

async function gatherAt(
  folder: SwarmFolder,
  { name, url }: Whereabouts,
  timeoutMs: number,
): Promise<Gathered> {
  const roster = loadRoster(folder);
  const client = new SwarmClient({ folder, name: `cli-${process.pid}`, version: packageVersion(), url });
  try {
    // A read that everything before it has been applied for: the snapshot holds all that was acknowledged.
    await client.query({ kind: 'overview' }, { timeoutMs });
    const { index } = await client.snapshot(timeoutMs);
    for (let turn = 0; turn < TRIES; turn += 1) {
      const copy = await copySnapshot(folder.wal(name), roster.clusterId as ClusterId).catch(gone);
      if (copy === undefined || copy.meta.index < index) continue;
      const bare = {
        createdAt: new Date().toISOString(),
        roster,
        last: { index: copy.meta.index, term: copy.meta.term },
        snapshot: copy.bytes,
      };
      const { machine } = legacyOf(folder.wal(name), { ...bare, tasks: {}, blobs: new Map() });
      const named = [...machine.namedBlobs()];
      const found = named.flatMap((sha256) => {
        const content = readBlobFile(folder.blobs(name), sha256);
        return content === undefined ? [] : [[sha256, content] as const];
      });
      const blobs = new Map(found);
      const missing = named.filter((sha256) => !blobs.has(sha256));
      return { backup: { ...bare, tasks: machine.counts, blobs }, missing };
    }
    throw new SwarmError('BUSY', `${name} replaces its snapshots faster than they can be read`);
  } finally {
    await client.close();
  }
}

function gone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** The whole file or none, also after a power cut. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
