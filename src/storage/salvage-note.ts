import { readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { LogIndex, NodeId, Term } from '../protocol/ids.ts';
import type { HardState, LogPosition } from '../protocol/state.ts';
import { damaged } from './wal-damage.ts';
import { openWalFile, writeDurably } from './wal-file.ts';
import { syncFolder } from './wal-folder.ts';

/** What must not be forgotten while a damaged log is being put right: written before anything is changed. */
export interface SalvageNote {
  /**
   * `begun`: what can be read is being written anew, beside what is damaged. `written`: that is durable, and the files that
   * it takes the place of are put aside. `done`: the log is whole again as far as it goes, and lacks what comes up to
   * `floor`.
   */
  readonly stage: 'begun' | 'written' | 'done';
  /** Where the log ended before it was damaged; never less. */
  readonly floor: LogPosition;
  readonly hardState: HardState;
  /** Number of the segment that holds what could be read. */
  readonly segment: number;
  /** Files that it takes the place of, or that cannot be read. */
  readonly replaced: readonly string[];
  /** Which salvage of this folder it is: files that are put aside have it in their names. */
  readonly number: number;
}

const FILE_NAME = 'floor';
const TEMPORARY_NAME = 'floor.tmp';

const index = z.int().nonnegative();
const noteSchema = z.object({
  stage: z.enum(['begun', 'written', 'done']),
  floor: z.object({ index, term: index }),
  hardState: z.object({ term: index, votedFor: z.string().optional() }),
  segment: index,
  replaced: z.array(z.string().regex(/^[\w.-]+$/)),
  number: index,
});

/** @throws SwarmError DATA_DAMAGED when it is there and cannot be read. */
export async function readSalvageNote(folder: string): Promise<SalvageNote | undefined> {
  const path = join(folder, FILE_NAME);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const [checksum = '', json = ''] = text.split('\n');
  if (checksum !== checksumOf(json)) throw damaged(path, 0, 'its checksum does not fit what it says');
  const { floor, hardState, ...rest } = noteSchema.parse(JSON.parse(json));
  return {
    ...rest,
    floor: { index: floor.index as LogIndex, term: floor.term as Term },
    hardState: { term: hardState.term as Term, votedFor: hardState.votedFor as NodeId | undefined },
  };
}

/** Takes the place of the note before it, durably. */
export async function writeSalvageNote(folder: string, note: SalvageNote): Promise<void> {
  const json = JSON.stringify(note);
  const temporary = join(folder, TEMPORARY_NAME);
  await rm(temporary, { force: true });
  const file = await openWalFile(temporary);
  try {
    await writeDurably(file, Buffer.from(`${checksumOf(json)}\n${json}\n`), 0);
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, FILE_NAME));
  await syncFolder(folder);
}

/** The log is as far again as it was. */
export async function removeSalvageNote(folder: string): Promise<void> {
  await unlink(join(folder, FILE_NAME));
  await syncFolder(folder);
}

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
