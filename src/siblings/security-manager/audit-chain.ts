import {
  ANCHOR_KEY,
  type AuditRecord,
  type ChainEnd,
  HEAD_KEY,
  hashOf,
  NO_END,
  parseEnd,
  parseRecord,
} from './audit-record.ts';

/** As the log has it. */
export interface StoredValue {
  readonly key: string;
  readonly value: string;
}

export type ChainVerdict =
  | { readonly kind: 'whole'; readonly records: number; readonly dropped: number; readonly head: string }
  /** `at`: the first place at which the chain does not hold. */
  | { readonly kind: 'broken'; readonly at: number; readonly why: string };

/** The records of the audit log, the oldest first; what is no record of ours is left out. */
export function recordsOf(stored: readonly StoredValue[]): readonly AuditRecord[] {
  return placesOf(stored).flatMap(({ value }) => parseRecord(value) ?? []);
}

/**
 * Whether every record names the hash of the one before it, from the anchor to the head, with nothing missing between
 * them. Whoever changes, removes or puts in a record would have to write all that follow anew, and whoever
 * has kept the hash of the head sees that, too.
 */
export function verifyChain(stored: readonly StoredValue[]): ChainVerdict {
  const anchor = endOf(stored, ANCHOR_KEY);
  const head = endOf(stored, HEAD_KEY);
  if (anchor === undefined)
    return { kind: 'broken', at: 1, why: 'what is said of the oldest record is unreadable' };
  if (head === undefined)
    return { kind: 'broken', at: 1, why: 'what is said of the latest record is unreadable' };
  let end = anchor;
  for (const { place, value } of placesOf(stored)) {
    const why = whyBroken(end, { place, value });
    if (why !== undefined) return { kind: 'broken', at: end.sequence + 1, why };
    end = { sequence: place, hash: hashOf(value) };
  }
  if (end.sequence < head.sequence) {
    return {
      kind: 'broken',
      at: end.sequence + 1,
      why: `the latest records are missing, up to ${head.sequence}`,
    };
  }
  if (end.hash !== head.hash) {
    return {
      kind: 'broken',
      at: end.sequence,
      why: 'the latest record is not the one that was appended last',
    };
  }
  const dropped = anchor.sequence;
  return { kind: 'whole', records: end.sequence - dropped, dropped, head: end.hash };
}

function whyBroken(
  before: ChainEnd,
  { place, value }: { readonly place: number; readonly value: string },
): string | undefined {
  if (place <= before.sequence) return `record ${place} stands before where the log begins`;
  if (place > before.sequence + 1) return `record ${before.sequence + 1} is missing`;
  const record = parseRecord(value);
  if (record === undefined) return 'it is no record of the audit log';
  if (record.sequence !== place) return `it says that it is record ${record.sequence}`;
  if (record.prev === before.hash) return undefined;
  return `it follows another record than ${before.sequence === 0 ? 'none' : before.sequence}`;
}

function placesOf(
  stored: readonly StoredValue[],
): readonly { readonly place: number; readonly value: string }[] {
  return stored
    .filter(({ key }) => key !== HEAD_KEY && key !== ANCHOR_KEY)
    .map(({ key, value }) => ({ place: /^[1-9]\d*$/.test(key) ? Number(key) : 0, value }))
    .sort((left, right) => left.place - right.place);
}

/** Undefined: it cannot be read. Where there is none yet, the log begins with its first record. */
function endOf(stored: readonly StoredValue[], name: string): ChainEnd | undefined {
  const found = stored.find(({ key }) => key === name);
  return found === undefined ? NO_END : parseEnd(found.value);
}
