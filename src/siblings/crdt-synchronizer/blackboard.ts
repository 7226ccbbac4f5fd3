import { z } from 'zod';
import { MAX_BLACKBOARD_NOTES, MAX_LINE_CHARS, MAX_NOTE_CHARS } from '../../protocol/limits.ts';
import type { BlackboardJson, ClientRequest, NoteJson } from './client-wire.ts';
import type { Json } from './data-type.ts';
import type { Library } from './library.ts';
import type { Operation } from './operation.ts';

/**
 * The document on which instances, and the people and models who work with them, tell each other how it goes. It works
 * without a quorum: what one side of a cut swarm writes, the other reads when it is whole again.
 */
const BLACKBOARD = 'blackboard';
const NOTES = `${BLACKBOARD}/notes`;
const PROGRESS = `${BLACKBOARD}/progress`;

const noteSchema = z.object({
  at: z.number(),
  by: z.string().max(64),
  text: z.string().max(MAX_NOTE_CHARS),
});
const progressSchema = z.object({ at: z.number(), text: z.string().max(MAX_LINE_CHARS) });

/** The oldest notes give way: as many as are seen here, so that two who make room at once take the same. */
export function noteOperations(
  library: Library,
  { by, text }: Extract<ClientRequest, { kind: 'note' }>,
  at: number,
): readonly Operation[] {
  const surplus = read(library, NOTES, []).length + 1 - MAX_BLACKBOARD_NOTES;
  const note: NoteJson = { at, by, text };
  const written: Operation = { op: 'insert', path: NOTES, type: 'rga-list', values: [{ ...note }] };
  return surplus > 0 ? [{ op: 'cut', path: NOTES, at: 0, count: surplus }, written] : [written];
}

export function progressOperations(
  { by, text }: Extract<ClientRequest, { kind: 'progress' }>,
  at: number,
): readonly Operation[] {
  return [{ op: 'set', path: `${PROGRESS}/${by}`, value: { at, text } }];
}

export function readBlackboard(library: Library): Pick<BlackboardJson, 'notes' | 'progress'> {
  const notes = read(library, NOTES, []).flatMap((note) => noteSchema.safeParse(note).data ?? []);
  const entries = Object.entries(read(library, PROGRESS, {}));
  // Anybody may write anything there: what is no note is not shown.
  const progress = entries.flatMap(([by, word]) => {
    const { data } = progressSchema.safeParse(word);
    return data === undefined ? [] : [[by, data] as const];
  });
  return { notes, progress: Object.fromEntries(progress) };
}

/** What is there, if it is of the form of `otherwise`. */
function read<T extends readonly Json[] | { readonly [key: string]: Json }>(
  library: Library,
  path: string,
  otherwise: T,
): T {
  const [, field = ''] = path.split('/');
  const value = library.find(BLACKBOARD)?.peek([field]);
  const isOfForm =
    typeof value === 'object' && value !== null && Array.isArray(value) === Array.isArray(otherwise);
  return isOfForm ? (value as T) : otherwise;
}
