/**
 * Walks MessagePack bytes without building anything, and tells whether they are exactly one value that
 * is safe to decode: every count is covered by bytes that are there, so that five bytes cannot ask
 * for gigabytes; nothing is nested deeper than `maxDepth` levels; no map keys but texts; no extension types,
 * which decode to objects that are no plain data.
 *
 * Format: the MessagePack specification, "Formats".
 */
export function isWellFormed(bytes: Uint8Array, maxDepth = COMMAND_DEPTH): boolean {
  return skipValue(bytes, 0, maxDepth) === bytes.length;
}

/** The environment of a submitted task is the deepest part of a command, at 6. */
const COMMAND_DEPTH = 8;

const DAMAGED = -1;

/** Offset behind the value that begins at `at`, or `DAMAGED`. */
function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const head = bytes[at];
  if (head === undefined || depth === 0) return DAMAGED;
  if (head <= 0x7f || head >= 0xe0) return at + 1;
  if (head <= 0x8f) return skipMap(bytes, { at: at + 1, items: head & 0x0f, depth });
  if (head <= 0x9f) return skipList(bytes, { at: at + 1, items: head & 0x0f, depth });
  if (head <= 0xbf) return within(bytes, at + 1 + (head & 0x1f));
  const layout = LAYOUTS[head];
  if (layout === undefined) return DAMAGED;
  if (layout.kind === 'fixed') return within(bytes, at + 1 + layout.bytes);
  const length = readLength(bytes, at + 1, layout.lengthBytes);
  if (length === DAMAGED) return DAMAGED;
  const start = at + 1 + layout.lengthBytes;
  if (layout.kind === 'text' || layout.kind === 'bytes') return within(bytes, start + length);
  const skip = layout.kind === 'map' ? skipMap : skipList;
  return skip(bytes, { at: start, items: length, depth });
}

interface Items {
  readonly at: number;
  readonly items: number;
  readonly depth: number;
}

function skipList(bytes: Uint8Array, { at, items, depth }: Items): number {
  let next = at;
  for (let item = 0; item < items && next !== DAMAGED; item++) next = skipValue(bytes, next, depth - 1);
  return next;
}

/** Keys must be texts: nothing else can name a field. */
function skipMap(bytes: Uint8Array, { at, items, depth }: Items): number {
  let next = at;
  for (let item = 0; item < items && next !== DAMAGED; item++) {
    if (!beginsText(bytes[next])) return DAMAGED;
    next = skipValue(bytes, next, depth - 1);
    if (next !== DAMAGED) next = skipValue(bytes, next, depth - 1);
  }
  return next;
}

function beginsText(head = 0): boolean {
  return (head >= 0xa0 && head <= 0xbf) || LAYOUTS[head]?.kind === 'text';
}

function within(bytes: Uint8Array, end: number): number {
  return end <= bytes.length ? end : DAMAGED;
}

function readLength(bytes: Uint8Array, at: number, size: number): number {
  let length = 0;
  for (let offset = 0; offset < size; offset++) {
    const byte = bytes[at + offset];
    if (byte === undefined) return DAMAGED;
    length = length * 256 + byte;
  }
  return length;
}

type Layout =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'text' | 'bytes'; readonly lengthBytes: number }
  | { readonly kind: 'list' | 'map'; readonly lengthBytes: number };

/** By first byte. Missing: reserved, extension. */
const LAYOUTS: Readonly<Record<number, Layout>> = {
  192: { kind: 'fixed', bytes: 0 },
  194: { kind: 'fixed', bytes: 0 },
  195: { kind: 'fixed', bytes: 0 },
  196: { kind: 'bytes', lengthBytes: 1 },
  197: { kind: 'bytes', lengthBytes: 2 },
  198: { kind: 'bytes', lengthBytes: 4 },
  202: { kind: 'fixed', bytes: 4 },
  203: { kind: 'fixed', bytes: 8 },
  204: { kind: 'fixed', bytes: 1 },
  205: { kind: 'fixed', bytes: 2 },
  206: { kind: 'fixed', bytes: 4 },
  207: { kind: 'fixed', bytes: 8 },
  208: { kind: 'fixed', bytes: 1 },
  209: { kind: 'fixed', bytes: 2 },
  210: { kind: 'fixed', bytes: 4 },
  211: { kind: 'fixed', bytes: 8 },
  217: { kind: 'text', lengthBytes: 1 },
  218: { kind: 'text', lengthBytes: 2 },
  219: { kind: 'text', lengthBytes: 4 },
  220: { kind: 'list', lengthBytes: 2 },
  221: { kind: 'list', lengthBytes: 4 },
  222: { kind: 'map', lengthBytes: 2 },
  223: { kind: 'map', lengthBytes: 4 },
};
