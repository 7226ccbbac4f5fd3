import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import { isId, type NodeId } from '../../protocol/ids.ts';
import {
  checkData,
  findOfflineLog,
  type OfflineLog,
  ownerOf,
  readOfflineSegment,
} from '../../storage/offline-log.ts';
import { readStretches } from '../../storage/offline-segment.ts';
import { findInstance } from '../../swarm/discovery.ts';
import { locateProject } from '../../swarm/layout.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { type RawLine, rawLine, readableLine } from './raw-line.ts';

interface RawLogOptions {
  readonly raw: string;
  readonly dir?: string;
  readonly json?: true;
}

/** Prints a log as it lies on the disk. Exit code 1: some of it is damaged. */
export async function printRawLog({ raw, dir, json }: RawLogOptions): Promise<void> {
  const log = await findOfflineLog(placeOf(raw, dir));
  const print = (line: RawLine): void => (json ? printJson(line) : printLine(readableLine(line)));
  const { folder, segments, heldBy = null, durable = null } = log;
  print({ type: 'log', folder, segments: segments.length, heldBy, durable });
  let isDamaged = false;
  for (const path of segments) {
    for (const line of segmentLines(path, log)) {
      isDamaged ||= line.type === 'damaged';
      print(line);
    }
  }
  const verdict = await judge(log);
  print(verdict);
  process.exitCode = isDamaged || verdict.state === 'damaged' ? EXIT.failed : EXIT.ok;
}

/** A path; or the name of an instance of this project, where there is no such path. */
function placeOf(raw: string, dir: string | undefined): string {
  if (existsSync(raw) || !isId(raw)) return raw;
  const project = locateProject(dir, process.env, process.cwd());
  const folder = findInstance(project, raw as NodeId);
  if (folder !== undefined) return folder.wal(raw as NodeId);
  throw new SwarmError('BAD_INPUT', `${raw} is neither a path nor an instance of ${project.state}`);
}

function* segmentLines(path: string, { durable }: OfflineLog): Generator<RawLine> {
  const file = basename(path);
  const { bytes, hasSuccessor } = readOfflineSegment(path);
  const durableBytes = durable !== undefined && isNumber(file, durable.segment) ? durable.bytes : 0;
  yield { type: 'segment', file, bytes: bytes.length };
  for (const stretch of readStretches({ bytes, durableBytes, hasSuccessor })) yield rawLine(file, stretch);
}

function isNumber(file: string, segment: number): boolean {
  return Number.parseInt(file, 10) === segment;
}

type Verdict = Extract<RawLine, { readonly type: 'verdict' }>;

/** What the node would say of all of it at its next start; of one segment alone there is nothing to say. */
async function judge({ folder, heldBy, segments }: OfflineLog): Promise<Verdict> {
  const owner = ownerOf(segments);
  if (owner === undefined)
    return { type: 'verdict', state: 'damaged', why: 'no header of a segment can be read' };
  try {
    const { lastIndex, snapshotIndex, term, validBytes } = await checkData(folder, owner);
    const why = `last entry ${lastIndex}, term ${term}, snapshot up to ${snapshotIndex}; goes on at byte ${validBytes} of the last segment`;
    return { type: 'verdict', state: 'sound', why };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    // What is being written and removed meanwhile cannot be held against it.
    return { type: 'verdict', state: heldBy === undefined ? 'damaged' : 'in-use', why: error.message };
  }
}
