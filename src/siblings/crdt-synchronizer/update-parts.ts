import { decodeUpdate } from 'yjs';
import { Cursor } from './update-cursor.ts';
import { skipPiece } from './update-shape.ts';

/** Pieces, or deletions, of one client that follow each other: what its number and their count are written before. */
interface Run {
  readonly client: number;
  /** Of the first piece; deletions have each their own. */
  readonly clock: number | undefined;
  count: number;
  readonly from: number;
  to: number;
}

interface Part {
  readonly pieces: Run[];
  readonly deletions: Run[];
  bytes: number;
}

/**
 * An update as several that say the same together, each of `atMost` bytes or of one piece. In whichever order they are
 * taken in: what lacks something that came before it waits for that.
 */
export function partsOf(update: Uint8Array, atMost: number): readonly Uint8Array[] {
  if (update.length <= atMost) return [update];
  const cursor = new Cursor(update);
  const clocks = decodeUpdate(update).structs.map(({ id }) => id.clock);
  const parts: Part[] = [];
  const put = (of: 'pieces' | 'deletions', run: Omit<Run, 'count'>): void => {
    let part = parts.at(-1);
    const bytes = run.to - run.from;
    if (part === undefined || part.bytes + bytes > atMost) {
      part = { pieces: [], deletions: [], bytes: 0 };
      parts.push(part);
    }
    part.bytes += bytes;
    const last = part[of].at(-1);
    if (last?.client !== run.client) return void part[of].push({ ...run, count: 1 });
    last.count += 1;
    last.to = run.to;
  };
  let piece = 0;
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    const pieces = cursor.count();
    const client = cursor.number();
    cursor.skipNumbers(1);
    for (let left = pieces; left > 0; left -= 1) {
      const from = cursor.at;
      skipPiece(cursor);
      put('pieces', { client, clock: clocks[piece], from, to: cursor.at });
      piece += 1;
    }
  }
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    const client = cursor.number();
    for (let left = cursor.count(); left > 0; left -= 1) {
      const from = cursor.at;
      cursor.skipNumbers(CLOCK_AND_LENGTH);
      put('deletions', { client, clock: undefined, from, to: cursor.at });
    }
  }
  return parts.map((part) => written(part, update));
}

const CLOCK_AND_LENGTH = 2;

function written({ pieces, deletions }: Part, update: Uint8Array): Uint8Array {
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
