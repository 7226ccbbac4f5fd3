import type { LogIndex, Term } from './ids.ts';

/**
 * - `noop`: appended by a leader at the start of its term, so that it can commit. §8
 * - `command`: opaque bytes for the state machine.
 * - `config`: a membership change (encoded `Configuration`).
 */
export type EntryKind = 'noop' | 'command' | 'config';

/** One slot of the replicated log. `data` is never copied or changed once it is in the log. §5.3 */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** Bytes an entry is counted as against the bounds of `limits`: its data and a header's worth. */
export function entrySize(entry: Entry): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}

const ENTRY_OVERHEAD_BYTES = 32;

export const NO_DATA: Uint8Array = new Uint8Array(0);
