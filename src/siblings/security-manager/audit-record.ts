import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MAX_LINE_CHARS } from '../../protocol/limits.ts';
import { soundJson } from '../../swarm/sound-json.ts';

/** Where the audit log is kept among the records of the log. */
export const AUDIT_NAMESPACE = 'audit';
/** Place and hash of the latest record: whoever appends continues there. */
export const HEAD_KEY = 'head';
/** Place of the oldest record that is kept, and the hash of the one before it. */
export const ANCHOR_KEY = 'anchor';

/** What comes before the first record. */
const NO_HASH = '0'.repeat(64);

const line = z.string().max(MAX_LINE_CHARS);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Something that somebody did, or was seen to do. */
export interface AuditEvent {
  /** The member that saw it, or whoever did it by command. */
  readonly by: string;
  /** Whom or what it is about: `member n2`, `address 10.0.0.7`, `token 7f3a`. */
  readonly subject: string;
  /** A kind of misconduct, or what was done: `membership`, `quarantine`, `token-issued`. */
  readonly kind: string;
  /** How often since the last record of this subject and kind by this member. */
  readonly count: number;
  /** For people; never a secret. */
  readonly detail: string;
}

const recordSchema = z.strictObject({
  sequence: z.int().positive(),
  /** Wall clock of the writer, in ms. */
  at: z.int().min(0),
  by: line,
  subject: line,
  kind: z.string().regex(/^[a-z-]{1,32}$/),
  count: z.int().positive(),
  detail: line,
  /** SHA-256 of the record before it, as it is stored. */
  prev: hash,
});

export type AuditRecord = Readonly<z.output<typeof recordSchema>>;

/** The latest record, or (as anchor) the last one that was dropped. */
const endSchema = z.strictObject({ sequence: z.int().min(0), hash });

export type ChainEnd = Readonly<z.output<typeof endSchema>>;

/** Of nothing yet. */
export const NO_END: ChainEnd = { sequence: 0, hash: NO_HASH };

/** Undefined: it is no record of ours. */
export function parseRecord(value: string): AuditRecord | undefined {
  return soundJson(value, recordSchema);
}

export function parseEnd(value: string): ChainEnd | undefined {
  return soundJson(value, endSchema);
}

/** The texts of `events` as records behind `head`, and what is the head then. */
export function chained(
  head: ChainEnd,
  events: readonly AuditEvent[],
  at: number,
): {
  readonly texts: readonly { readonly sequence: number; readonly text: string }[];
  readonly head: ChainEnd;
} {
  let end = head;
  const texts = events.map((event) => {
    const { by, subject, kind, count, detail } = event;
    const sequence = end.sequence + 1;
    const words = { by: cut(by), subject: cut(subject), kind, count, detail: cut(detail) };
    const text = JSON.stringify({ sequence, at, ...words, prev: end.hash } satisfies AuditRecord);
    end = { sequence, hash: hashOf(text) };
    return { sequence, text };
  });
  return { texts, head: end };
}

/** Of a record as it is stored, to the letter. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function cut(text: string): string {
  return text.length <= MAX_LINE_CHARS ? text : `${text.slice(0, MAX_LINE_CHARS - 1)}…`;
}
