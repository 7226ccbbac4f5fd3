import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Entry, entrySize } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { isBefore, type LogPosition } from '../protocol/state.ts';
import { LOG_START, type ReplayedLog, reconcile } from './reconcile.ts';
import { readSalvageNote, removeSalvageNote, type SalvageNote, writeSalvageNote } from './salvage-note.ts';
import { endOfLog } from './salvage-promises.ts';
import { searchSnapshots } from './snapshot-folder.ts';
import { readSegments, segmentPath, syncFolder } from './wal-folder.ts';
import { isKnown, type Owner } from './wal-record.ts';
import { replayPrefix } from './wal-replay.ts';
import { SegmentWriter, type SegmentWriterOptions } from './wal-segment.ts';
import { readWitness, WITNESS_NAME } from './wal-witness.ts';

export interface SalvageOptions extends Owner {
  readonly folder: string;
}

/** A damaged log was put right as far as that goes here; others have to send the rest. */
export interface Salvaged {
  /** What was found, with file and offset. */
  readonly damage: SwarmError;
  /** The files as they were found, under new names. */
  readonly kept: readonly string[];
  readonly floor: LogPosition;
}

/** Bytes of entries that are written and synced at a time. */
const SLICE_BYTES = 4 * 1024 * 1024;

/**
 * Makes of a damaged log one that is whole and shorter, from what can still be read of it. What it was found like is kept,
 * and it is noted where it ended: until the node has as much again it neither votes nor leads (FAST'18).
 *
 * A crash on the way leaves a note that says how far this has come; `finishSalvage` goes on from there.
 *
 * @throws `damage` when it is not certain what the node had promised: its term, its vote, the end of its log.
 */
export async function salvage(
  options: SalvageOptions,
  files: Pick<SegmentWriterOptions, 'openFile'>,
  damage: SwarmError,
): Promise<Salvaged> {
  const { folder } = options;
  const segments = await readSegments(folder);
  const end = endOfLog(options, segments, await readWitness(folder));
  if (end === undefined) throw damage;
  const before = await readSalvageNote(folder);
  const { damaged } = await searchSnapshots(options);
  const note: SalvageNote = {
    stage: 'begun',
    // Of a log that was damaged before, and lacks something since then.
    floor: before !== undefined && isBefore(end.floor, before.floor) ? before.floor : end.floor,
    hardState: end.hardState,
    segment: (segments.at(-1)?.number ?? 0) + 1,
    replaced: [
      ...segments.map(({ number }) => segmentPath('', number)),
      ...damaged.map(({ name }) => name),
      WITNESS_NAME,
    ],
    number: await nextNumber(folder),
  };
  await writeSalvageNote(folder, note);
  await finishSalvage(options, files, note);
  const kept = note.replaced.map((name) => join(folder, asideName(name, note.number)));
  return { damage, kept, floor: note.floor };
}

/** Goes on where a note says that a salvage was broken off. */
export async function finishSalvage(
  options: SalvageOptions,
  files: Pick<SegmentWriterOptions, 'openFile'>,
  note: SalvageNote,
): Promise<void> {
  const { folder } = options;
  if (note.stage === 'done') return;
  if (note.stage === 'begun') {
    await writeAnew(options, files, note);
    await writeSalvageNote(folder, { ...note, stage: 'written' });
  }
  await putAside(folder, note);
  await writeSalvageNote(folder, { ...note, stage: 'done' });
}

/** Removes the note once the log is as far as it says. Returns the floor while it is not. */
export async function checkFloor(folder: string, last: LogPosition): Promise<LogPosition | undefined> {
  const note = await readSalvageNote(folder);
  if (note === undefined) return undefined;
  if (isBefore(last, note.floor)) return note.floor;
  await removeSalvageNote(folder);
  return undefined;
}

/** A segment that says alone what can be read of those before it, and what the node had promised. */
async function writeAnew(
  options: SalvageOptions,
  files: Pick<SegmentWriterOptions, 'openFile'>,
  { segment, hardState }: SalvageNote,
): Promise<void> {
  const { folder } = options;
  await rm(segmentPath(folder, segment), { force: true });
  const { base, entries } = await readable(options);
  const writer = new SegmentWriter({ ...options, ...files }, 0);
  try {
    await writer.begin(segment, { hardState, last: base });
    for (const slice of slices(entries)) {
      const write = { sequence: 0, hardState: undefined, restartAt: undefined, truncateFrom: undefined };
      await writer.writeAlone({ ...write, entries: slice });
    }
    await writer.mark();
  } finally {
    await writer.close();
  }
}

/**
 * The log up to the first damage, beside the newest snapshot that is whole. Later cuts may be lost with what is damaged: it is
 * what the node once held, and a leader replaces what is not so any more.
 */
async function readable(options: SalvageOptions): Promise<Pick<ReplayedLog, 'base' | 'entries'>> {
  const log = replayPrefix(await readSegments(options.folder), options);
  const { whole } = await searchSnapshots(options);
  const snapshot = whole?.meta;
  if (isKnown(log.base) && log.base.index <= (snapshot?.index ?? 0)) return reconcile(log, snapshot);
  return { base: snapshot ?? LOG_START, entries: [] };
}

function* slices(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let slice: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    slice.push(entry);
    bytes += entrySize(entry);
    if (bytes < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}

/** Whoever wants to know what happened to the disk finds everything as it was. */
async function putAside(folder: string, { replaced, number }: SalvageNote): Promise<void> {
  for (const name of replaced) {
    await rename(join(folder, name), join(folder, asideName(name, number))).catch((error: unknown) => {
      // It was never there, or is aside already.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  await syncFolder(folder);
}

const ASIDE = /\.damaged-(\d+)$/;

function asideName(name: string, number: number): string {
  return `${name}.damaged-${number}`;
}

async function nextNumber(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).map((name) => Number(ASIDE.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers) + 1;
}

/** True for what `salvage` may be able to put right. */
export function isDamage(error: unknown): error is SwarmError {
  return error instanceof SwarmError && error.code === 'DATA_DAMAGED';
}
