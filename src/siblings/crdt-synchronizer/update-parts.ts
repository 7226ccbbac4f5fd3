import { decodeUpdate } from 'yjs';
import { Cursor } from './update-cursor.ts';
import { CLOCK_AND_LENGTH, skipPiece } from './update-shape.ts';

/** Pieces, or deletions, of one client that follow each other: what its number and their count are written before. */
interface Run {
  readonly client: number;
  /** Of the first piece; deletions have each their own. */
  readonly clock: number | undefined;
  count: number;
  readonly from: number;
  to: number;
}

interface Split {
  /** Of the first part. */
  readonly deletions: readonly Run[];
  /** Of each that follows. */
  readonly pieces: readonly (readonly Run[])[];
}

/**
 * An update as several that say the same together: first all deletions, then the pieces, in parts of `atMost` bytes or of
 * one piece.
 *
 * Clocks say what a replica has, and a deletion moves one by an entry of its own. So no such entry may come before its
 * deletion: whoever had taken in the one and lost the other would believe, and be believed, to have both. Deletions of what is not there yet wait for it. For
 * the same reason nothing goes along that is newer than `upto`, the clocks of the replica when its deletions were sent.
 */
export function partsOf(
  update: Uint8Array,
  { atMost, upto }: { readonly atMost: number; readonly upto: ReadonlyMap<number, number> },
): readonly Uint8Array[] {
  if (update.length <= atMost) return [update];
  const { deletions, pieces } = split(update, { atMost, upto });
  const first = written({ pieces: [], deletions }, update);
  return [first, ...pieces.map((runs) => written({ pieces: runs, deletions: [] }, update))];
}

function split(update: Uint8Array, { atMost, upto }: Parameters<typeof partsOf>[1]): Split {
  const cursor = new Cursor(update);
  const { structs } = decodeUpdate(update);
  const parts: Run[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  let number = 0;
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    const count = cursor.count();
    const client = cursor.number();
    cursor.skipNumbers(1);
    for (let left = count; left > 0; left -= 1) {
      const from = cursor.at;
      skipPiece(cursor);
      const { clock } = structs[number]?.id ?? { clock: 0 };
      number += 1;
      if (clock >= (upto.get(client) ?? 0)) continue;
      bytes += cursor.at - from;
      if (bytes > atMost) {
        parts.push([]);
        bytes = cursor.at - from;
      }
      extend(parts.at(-1) ?? [], { client, clock, from, to: cursor.at });
    }
  }
  return { pieces: parts, deletions: deletionsIn(cursor) };
}

function extend(runs: Run[], piece: Omit<Run, 'count'>): void {
  const last = runs.at(-1);
  if (last?.client !== piece.client) return void runs.push({ ...piece, count: 1 });
  last.count += 1;
  last.to = piece.to;
}

function deletionsIn(cursor: Cursor): readonly Run[] {
  const runs: Run[] = [];
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    const client = cursor.number();
    const count = cursor.count();
    const from = cursor.at;
    for (let left = count; left > 0; left -= 1) cursor.skipNumbers(CLOCK_AND_LENGTH);
    runs.push({ client, clock: undefined, count, from, to: cursor.at });
  }
  return runs;
}

function written(
  { pieces, deletions }: { readonly pieces: readonly Run[]; readonly deletions: readonly Run[] },
  update: Uint8Array,
): Uint8Array {
  const chunks: Uint8Array[] = [numbers(pieces.length)];
  for (const { client, clock = 0, count, from, to } of pieces) {
    chunks.push(numbers(count, client, clock), update.subarray(from, to));
  }
  chunks.push(numbers(deletions.length));
  for (const { client, count, from, to } of deletions) {
    chunks.push(numbers(client, count), update.subarray(from, to));
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Seven bits in each byte, the lowest first. */
function numbers(...values: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (const value of values) {
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
    bytes.push(left);
  }
  return Uint8Array.from(bytes);
}
