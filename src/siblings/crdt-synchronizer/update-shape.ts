import { SwarmError } from '../../protocol/errors.ts';
import { MAX_CRDT_VALUE_DEPTH } from '../../protocol/limits.ts';
import { Cursor, malformed } from './update-cursor.ts';

/**
 * Reads an update to its end without building anything. Yjs makes room for as many pieces as an update says it has before
 * it reads the first, and has applied the pieces when it comes to deletions that are cut off; here both are refused before.
 *
 * @throws SwarmError MALFORMED when it says that there is more than there is, or has what no document here is made of
 */
export function checkUpdate(update: Uint8Array): void {
  const cursor = new Cursor(update);
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    const pieces = cursor.count();
    cursor.skipNumbers(CLIENT_AND_CLOCK);
    for (let left = pieces; left > 0; left -= 1) skipPiece(cursor);
  }
  for (let clients = cursor.count(); clients > 0; clients -= 1) {
    cursor.skipNumbers(1);
    for (let deletions = cursor.count(); deletions > 0; deletions -= 1) cursor.skipNumbers(CLOCK_AND_LENGTH);
  }
  cursor.checkEnd();
}

/** Whether these are clocks by client, as Yjs writes them down. */
export function isStateVector(bytes: Uint8Array): boolean {
  try {
    const cursor = new Cursor(bytes);
    for (let clients = cursor.count(); clients > 0; clients -= 1) cursor.skipNumbers(CLIENT_AND_CLOCK);
    cursor.checkEnd();
    return true;
  } catch (error) {
    if (error instanceof SwarmError) return false;
    throw error;
  }
}

const CLIENT_AND_CLOCK = 2;
/** Of each deletion. */
export const CLOCK_AND_LENGTH = 2;

/** What a piece is: the low five bits of its first byte. Of Yjs' eleven kinds those that documents here consist of. */
const PIECE = { collected: 0, deleted: 1, text: 4, values: 8, gap: 10 } as const;

/** In the first byte of a piece: what it says of its place. */
const HAS_LEFT = 0x80;
const HAS_RIGHT = 0x40;
const HAS_KEY = 0x20;
const KIND_BITS = 0x1f;

/** @throws SwarmError MALFORMED */
export function skipPiece(cursor: Cursor): void {
  const info = cursor.byte();
  const kind = info & KIND_BITS;
  if (kind !== PIECE.collected && kind !== PIECE.gap) skipPlace(cursor, info);
  switch (kind) {
    case PIECE.collected:
    case PIECE.gap:
    case PIECE.deleted:
      return checkSome(cursor.number());
    case PIECE.text:
      return checkSome(cursor.skipBytes());
    case PIECE.values: {
      const values = cursor.count();
      checkSome(values);
      for (let left = values; left > 0; left -= 1) skipValue(cursor, DEEPEST);
      return;
    }
    default:
      throw malformed(`no document has pieces of kind ${kind}`);
  }
}

function skipPlace(cursor: Cursor, info: number): void {
  if ((info & HAS_LEFT) !== 0) cursor.skipNumbers(CLIENT_AND_CLOCK);
  if ((info & HAS_RIGHT) !== 0) cursor.skipNumbers(CLIENT_AND_CLOCK);
  if ((info & (HAS_LEFT | HAS_RIGHT)) !== 0) return;
  const isNamed = cursor.number() === 1;
  if (isNamed) cursor.skipBytes();
  else cursor.skipNumbers(CLIENT_AND_CLOCK);
  if ((info & HAS_KEY) !== 0) cursor.skipBytes();
}

/** A piece of no length has no clock of its own: Yjs looks for it in vain. */
function checkSome(length: number): void {
  if (length === 0) throw malformed('a piece has no length');
}

/** Cells of counters and registers are lists with the value in them. */
const DEEPEST = MAX_CRDT_VALUE_DEPTH + 2;

/** The first byte of a value. */
const VALUE = {
  bytes: 116,
  list: 117,
  object: 118,
  text: 119,
  bigint: 122,
  float64: 123,
  float32: 124,
} as const;
const INTEGER = 125;
/** True, false, null and undefined have nothing behind it. */
const BARE: ReadonlySet<number> = new Set([120, 121, 126, 127]);

function skipValue(cursor: Cursor, deepest: number): void {
  if (deepest < 0) throw malformed(`a value has more than ${DEEPEST} levels`);
  const kind = cursor.byte();
  if (BARE.has(kind)) return;
  switch (kind) {
    case INTEGER:
      return void cursor.number();
    case VALUE.float32:
      return cursor.skip(4);
    case VALUE.float64:
    case VALUE.bigint:
      return cursor.skip(8);
    case VALUE.text:
    case VALUE.bytes:
      return void cursor.skipBytes();
    case VALUE.list:
      for (let left = cursor.count(); left > 0; left -= 1) skipValue(cursor, deepest - 1);
      return;
    case VALUE.object:
      for (let left = cursor.count(); left > 0; left -= 1) {
        cursor.skipBytes();
        skipValue(cursor, deepest - 1);
      }
      return;
    default:
      throw malformed(`no value begins with ${kind}`);
  }
}
