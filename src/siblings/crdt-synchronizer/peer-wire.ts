import { z } from 'zod';
import { type Outcome, SwarmError } from '../../protocol/errors.ts';
import { MAX_CRDT_MERGED_DOCUMENTS, MAX_INSTANCES } from '../../protocol/limits.ts';
import { pack, unpack } from '../../swarm/wire.ts';
import { presenceSchema } from './presence.ts';
import { isStateVector } from './update-shape.ts';

const bytes = z.custom<Uint8Array>((given) => given instanceof Uint8Array);
const vector = z.custom<Uint8Array>((given) => given instanceof Uint8Array && isStateVector(given));
const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
const presence = z.array(presenceSchema).max(MAX_INSTANCES);
const updates = z.array(z.tuple([name, bytes])).max(MAX_CRDT_MERGED_DOCUMENTS);

const requestSchema = z.discriminatedUnion('kind', [
  /** What have you? `root` says what I have. */
  z.object({ kind: z.literal('pull'), from: z.string(), root: z.string(), presence }),
  /** Give me what I lack: by document, the clocks that I have. */
  z.object({
    kind: z.literal('fetch'),
    from: z.string(),
    wants: z.array(z.tuple([name, vector])).max(MAX_CRDT_MERGED_DOCUMENTS),
    /** Of the first of them so many parts have come already. */
    part: z.int().nonnegative().optional(),
    upto: vector.optional(),
  }),
  /** This is new. Answered when it is on the disk, with what was refused. */
  z.object({ kind: z.literal('push'), from: z.string(), updates }),
]);

const entrySchema = z.object({ name, vector, isGone: z.boolean() });

const pulledSchema = z.object({
  presence,
  /** Undefined: the same. */
  entries: z.array(entrySchema).max(MAX_CRDT_MERGED_DOCUMENTS).optional(),
});

/** The first of the documents that were asked for: those that fit into a frame. */
const fetchedSchema = z.object({
  updates,
  /** So many of those that were asked for are still to come, and of the first of them so many parts have. */
  left: z.int().nonnegative(),
  part: z.int().nonnegative(),
  /** The clocks of that document when its first part was sent: to be said with the next request. */
  upto: vector.optional(),
});

/** Documents of which an update was not taken in. All others were. */
const pushedSchema = z.object({
  refused: z
    .array(z.object({ name, code: z.enum(['LIMIT_EXCEEDED', 'MALFORMED']), message: z.string() }))
    .max(MAX_CRDT_MERGED_DOCUMENTS),
});

export type PeerRequest = z.infer<typeof requestSchema>;
export type Pulled = z.infer<typeof pulledSchema>;
export type Fetched = z.infer<typeof fetchedSchema>;
export type Pushed = z.infer<typeof pushedSchema>;
export type Refusal = Pushed['refused'][number];
export type NamedUpdate = z.infer<typeof updates>[number];

export const encodePeer = (message: PeerRequest | Pulled | Fetched | Pushed): Uint8Array => pack(message);

/** @throws SwarmError MALFORMED */
export function parsePeerRequest(given: unknown): PeerRequest {
  const parsed = requestSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new SwarmError('MALFORMED', `not what instances say to each other: ${z.prettifyError(parsed.error)}`);
}

export const parsePulled = (body: Uint8Array): Outcome<Pulled> => read(pulledSchema, body);

export const parseFetched = (body: Uint8Array): Outcome<Fetched> => read(fetchedSchema, body);

export const parsePushed = (body: Uint8Array): Outcome<Pushed> => read(pushedSchema, body);

function read<T>(schema: z.ZodType<T>, body: Uint8Array): Outcome<T> {
  try {
    const result = schema.safeParse(unpack(body));
    if (result.success) return { ok: true, value: result.data };
    const message = `no answer of an instance: ${z.prettifyError(result.error)}`;
    return { ok: false, error: new SwarmError('MALFORMED', message) };
  } catch (error) {
    if (error instanceof SwarmError) return { ok: false, error };
    throw error;
  }
}

/** Clocks of one who has nothing, as Yjs writes them down. */
export const NOTHING_KNOWN = new Uint8Array([0]);
