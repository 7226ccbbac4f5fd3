import { type LogIndex, TERM_ZERO } from '../protocol/ids.ts';
import type { LogWrite } from '../protocol/state.ts';
import type { RecoveredLog } from './port.ts';
import { lastPosition, type ReplayedLog, reconcile } from './reconcile.ts';
import { checkFloor, finishSalvage, isDamage, type Salvaged, salvage } from './salvage.ts';
import { readSalvageNote } from './salvage-note.ts';
import { cleanSnapshots, findSnapshot } from './snapshot-folder.ts';
import { SnapshotFiles } from './snapshot-store.ts';
import { damaged } from './wal-damage.ts';
import { cutFile, readSegments, removeSegment } from './wal-folder.ts';
import { type SegmentStart, WAL_VERSION } from './wal-record.ts';
import { type LogEnd, replaySegments, type Segment } from './wal-replay.ts';
import type { SegmentRetention } from './wal-retention.ts';
import { SegmentWriter, type SegmentWriterOptions } from './wal-segment.ts';
import { lossOf, readWitness, WalWitness, type WitnessOptions } from './wal-witness.ts';

export interface RecoveryOptions extends SegmentWriterOptions {
  /** Others hold what this log holds: what is damaged of it need not stop the node. Default: false. */
  readonly hasPeers?: boolean;
}

/** What the next segment would have to say of those before it. */
export type LogTail = SegmentStart;

interface Recovery {
  readonly recovered: RecoveredLog;
  readonly writer: SegmentWriter;
  readonly witness: WalWitness;
  readonly retention: SegmentRetention;
  readonly tail: LogTail;
  readonly snapshots: SnapshotFiles;
  /** Damage was found, and put right as far as that goes. */
  readonly salvaged: Salvaged | undefined;
}

/**
 * Reads a folder that is ours, mends what a crash left, and makes it ready to be written to.
 *
 * @throws SwarmError DATA_DAMAGED, DATA_FOREIGN; errors of the file system as they come.
 */
export async function recoverLog(options: RecoveryOptions, logFiles: LogFiles): Promise<Recovery> {
  const note = await readSalvageNote(options.folder);
  if (note !== undefined) await finishSalvage(options, logFiles, note);
  try {
    return await recoverSound(options, logFiles);
  } catch (error) {
    if (options.hasPeers !== true || !isDamage(error)) throw error;
    const salvaged = await salvage(options, logFiles, error);
    return { ...(await recoverSound(options, logFiles)), salvaged };
  }
}

interface LogFiles extends Pick<SegmentWriterOptions, 'openFile' | 'mayPreallocate'> {
  readonly witness: WitnessOptions;
}

async function recoverSound(options: RecoveryOptions, logFiles: LogFiles): Promise<Recovery> {
  const { folder } = options;
  const segments = await readSegments(folder);
  const { log, end, retention, leftovers } = replaySegments(segments, options);
  const found = { segment: segments.at(-1)?.number ?? 0, bytes: end.validBytes };
  const loss = lossOf(folder, found, await readWitness(folder));
  if (loss !== undefined) throw loss;
  const snapshot = await findSnapshot(options, log);
  if (snapshot !== undefined && segments.length === 0) {
    throw damaged(folder, 0, 'there is a snapshot, but not the log that belongs to it');
  }
  for (const number of leftovers) await removeSegment(folder, number);
  const recovered = reconcile(log, snapshot?.meta);
  const writer = new SegmentWriter({ ...options, ...logFiles }, end.group);
  try {
    await takeUp(writer, retention, { log, end, last: segments.at(-1) });
    if (recovered.entries !== log.entries) await restart(writer, retention, recovered);
    await cleanSnapshots(folder, snapshot?.meta);
    const tail = { hardState: recovered.hardState, last: lastPosition(recovered) };
    const witness = await WalWitness.open(folder, options, { ...writer.end, tail }, logFiles.witness);
    const snapshots = new SnapshotFiles(options, snapshot);
    const floor = await checkFloor(folder, tail.last);
    const parts = { writer, witness, retention, tail, snapshots };
    return { recovered: { ...recovered, floor }, ...parts, salvaged: undefined };
  } catch (error) {
    await writer.close();
    throw error;
  }
}

interface FoundLog {
  readonly log: ReplayedLog;
  readonly end: LogEnd;
  readonly last: Segment | undefined;
}

/** Puts the writer where the last life stopped, or to a new segment. */
async function takeUp(
  writer: SegmentWriter,
  retention: SegmentRetention,
  { log, end, last }: FoundLog,
): Promise<void> {
  const isTorn = last !== undefined && end.validBytes === 0;
  if (isTorn) await cutFile(last.path, 0);
  if (last !== undefined && !isTorn) {
    await writer.goOn(last, end);
    if (end.version === WAL_VERSION) return;
  }
  // A segment of an older format is not gone on with: its release would not know the newer records in it.
  const number = isTorn ? last.number : (last?.number ?? 0) + 1;
  const tail = { hardState: log.hardState, last: lastPosition(log) };
  await writer.begin(number, tail);
  retention.begin(number, tail.last.index);
}

/** The log gives way to the snapshot durably, before an entry behind the snapshot leaves a gap in it. */
async function restart(
  writer: SegmentWriter,
  retention: SegmentRetention,
  { base }: RecoveredLog,
): Promise<void> {
  const write: LogWrite = {
    sequence: 0,
    hardState: undefined,
    restartAt: base,
    truncateFrom: undefined,
    entries: [],
  };
  await writer.writeAlone(write);
  retention.apply(write);
}

/** What `write` makes of a log. */
export function tailAfter(tail: LogTail, { hardState, restartAt, truncateFrom, entries }: LogWrite): LogTail {
  let last = restartAt ?? tail.last;
  // Of what term the entry before the cut is, is not known here.
  if (truncateFrom !== undefined && truncateFrom <= last.index) {
    last = { index: (truncateFrom - 1) as LogIndex, term: TERM_ZERO };
  }
  const entry = entries.at(-1);
  if (entry !== undefined) last = { index: entry.index, term: entry.term };
  return { hardState: hardState ?? tail.hardState, last };
}
