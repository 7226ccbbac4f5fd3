import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId } from '../protocol/ids.ts';
import type { LogPosition } from '../protocol/state.ts';
import { decodeSnapshot } from '../storage/offline-state.ts';
import { TaskMachine } from '../tasks/machine.ts';
import type { Legacy } from './refounding.ts';
import { parseRoster, type Roster } from './roster.ts';

/**
 * A swarm in one file. One line says the format and the SHA-256 of all that follows it, which is gzip (RFC 1952) of: one line of JSON
 * that says what is in it, the bytes of a snapshot (docs/storage.md), and the contents that it names, one behind the other.
 */
const MAGIC = 'raft-manager backup';
const VERSION = 1;
const FIRST_LINE = /^raft-manager backup (\d+) ([0-9a-f]{64})\n/;
const LONGEST_FIRST_LINE = 200;

const contentsSchema = z.object({
  createdAt: z.string(),
  index: z.int().nonnegative(),
  term: z.int().nonnegative(),
  tasks: z.record(z.string(), z.int()),
  snapshotBytes: z.int().nonnegative(),
  blobs: z.array(z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().nonnegative() })),
  roster: z.unknown(),
});

export interface Backup {
  readonly createdAt: string;
  readonly roster: Roster;
  readonly last: LogPosition;
  /** Tasks by state. */
  readonly tasks: Readonly<Record<string, number>>;
  /** The bytes of a snapshot file. */
  readonly snapshot: Uint8Array;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export async function encodeBackup(backup: Backup): Promise<Buffer> {
  const { createdAt, roster, last, tasks, snapshot, blobs } = backup;
  const contents: z.output<typeof contentsSchema> = {
    createdAt,
    ...last,
    tasks: { ...tasks },
    snapshotBytes: snapshot.length,
    blobs: [...blobs].map(([sha256, { length }]) => ({ sha256, bytes: length })),
    roster,
  };
  const line = Buffer.from(`${JSON.stringify(contents)}\n`);
  const body = await promisify(gzip)(Buffer.concat([line, snapshot, ...blobs.values()]));
  return Buffer.concat([Buffer.from(`${MAGIC} ${VERSION} ${sha256Of(body)}\n`), body]);
}

/**
 * Reads all of a backup, and checks every byte of it. `path`: for messages.
 *
 * @throws SwarmError BAD_INPUT for another file, DATA_FOREIGN for a format of a later release, DATA_DAMAGED.
 */
export async function decodeBackup(path: string, file: Buffer): Promise<Backup> {
  const first = FIRST_LINE.exec(file.toString('latin1', 0, LONGEST_FIRST_LINE));
  if (first === null) throw new SwarmError('BAD_INPUT', `${path} is no backup of a swarm`);
  const [line, version, sha256] = first;
  if (Number(version) !== VERSION) {
    throw new SwarmError('DATA_FOREIGN', `${path} has format ${version}; this release reads ${VERSION}`);
  }
  const body = file.subarray(line.length);
  if (sha256Of(body) !== sha256) {
    throw new SwarmError(
      'DATA_DAMAGED',
      `${path} is not what it was when it was written: its SHA-256 differs`,
    );
  }
  const all = await promisify(gunzip)(body);
  const end = all.indexOf('\n');
  const contents = contentsSchema.parse(JSON.parse(all.toString('utf8', 0, end)));
  let at = end + 1;
  const take = (bytes: number): Buffer => {
    at += bytes;
    return all.subarray(at - bytes, at);
  };
  const snapshot = take(contents.snapshotBytes);
  const { createdAt, index, term, tasks } = contents;
  return {
    createdAt,
    roster: parseRoster(contents.roster, path),
    last: { index, term } as LogPosition,
    tasks,
    snapshot,
    blobs: new Map(contents.blobs.map((blob) => [blob.sha256, take(blob.bytes)])),
  };
}

/** What a new swarm begins with. @throws SwarmError DATA_DAMAGED */
export function legacyOf(path: string, { roster, snapshot, blobs }: Backup): Legacy {
  const machine = new TaskMachine();
  const restoration = machine.restore();
  const meta = decodeSnapshot(snapshot, {
    path,
    clusterId: roster.clusterId as ClusterId,
    onPiece: (piece) => restoration.add(piece),
  });
  restoration.finish();
  return { machine, last: { index: meta.index, term: meta.term }, blobs };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
