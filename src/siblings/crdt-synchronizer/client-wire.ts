import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { MAX_LINE_CHARS, MAX_NOTE_CHARS } from '../../protocol/limits.ts';
import type { DataType, Json } from './data-type.ts';
import type { PresenceJson } from './presence.ts';

/** What clients ask; instances among themselves say what `peer-wire` has. */
const schema = z.discriminatedUnion('kind', [
  /** `strong`: it is answered when a majority of the voters has it on the disk. */
  z.object({ kind: z.literal('mutate'), operations: z.unknown(), strong: z.boolean().default(false) }),
  /** `strong`: after a barrier of the log, and with what a majority of the voters has. */
  z.object({ kind: z.literal('get'), path: z.string(), strong: z.boolean().default(false) }),
  z.object({ kind: z.literal('list') }),
  /** Answered when the document is not at `version` any more, or after `waitMs`. */
  z.object({
    ...{ kind: z.literal('wait'), path: z.string(), version: z.string() },
    waitMs: z.int().min(0).max(30_000),
  }),
  z.object({ kind: z.literal('checkpoint'), name: z.string() }),
  z.object({ kind: z.literal('note'), by: z.string().max(64), text: z.string().min(1).max(MAX_NOTE_CHARS) }),
  z.object({
    ...{ kind: z.literal('progress'), by: z.string().min(1).max(64) },
    text: z.string().max(MAX_LINE_CHARS),
  }),
  z.object({ kind: z.literal('blackboard') }),
]);

export type ClientRequest = z.infer<typeof schema>;

export type ClientWish = z.input<typeof schema>;

/** @throws SwarmError MALFORMED */
export function parseClientRequest(given: unknown): ClientRequest {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new SwarmError('MALFORMED', `no request for shared documents: ${z.prettifyError(parsed.error)}`);
}

/** A value, and where it was read. */
export interface ReadingJson {
  readonly path: string;
  readonly type: DataType;
  readonly value: Json;
  /** Of the whole document; changes with every change. */
  readonly version: string;
  /** Types that others gave the same name at the same time: what they hold is kept, and not shown. */
  readonly hidden: readonly DataType[];
  /** Which instance answered. */
  readonly from: string;
}

export interface ChangedJson {
  /** By document, its version after the change. */
  readonly versions: Readonly<Record<string, string>>;
  readonly from: string;
}

export interface ListedJson {
  readonly name: string;
  readonly type: DataType;
  readonly version: string;
  /** As it goes over the wire. */
  readonly bytes: number;
}

export interface WaitedJson {
  /** Of the document now; empty when there is none. */
  readonly version: string;
  /** Null: nothing is there. */
  readonly reading: ReadingJson | null;
}

export interface CheckpointedJson {
  readonly committed: true;
  readonly index: number;
  /** Wall clock of the log there, in milliseconds. */
  readonly timestamp: number;
  readonly name: string;
  readonly version: string;
  /** The log holds all of the state; otherwise it was too large, and the log says by what it is known. */
  readonly whole: boolean;
}

export interface NoteJson {
  readonly at: number;
  readonly by: string;
  readonly text: string;
}

export interface BlackboardJson {
  readonly from: string;
  readonly notes: readonly NoteJson[];
  readonly progress: Readonly<Record<string, { readonly at: number; readonly text: string }>>;
  /** Who has been heard of, whoever told it. */
  readonly presence: readonly PresenceJson[];
}
