import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { BlackboardJson } from '../../siblings/crdt-synchronizer/client-wire.ts';
import type { CrdtClient } from '../../siblings/crdt-synchronizer/crdt-client.ts';
import type { Json } from '../../siblings/crdt-synchronizer/data-type.ts';
import { defineTool } from '../tool.ts';
import { excerptOf } from './excerpt.ts';

const ACTIONS = ['get', 'list', 'set', 'inc', 'add', 'remove', 'insert', 'note', 'blackboard'] as const;

export const crdt = defineTool({
  name: 'crdt',
  title: 'Shared documents',
  description:
    'Documents shared by all instances, also without a quorum: set a register, inc a counter, add/remove of a set, insert into a list; note, blackboard: what all should know.',
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  input: z.strictObject({
    action: z.enum(ACTIONS),
    path: z.string().optional().describe('document or document/field'),
    value: z.unknown().optional(),
  }),
  output: z.object({ value: z.unknown(), more: z.string().optional() }),
  async run({ action, path, value }, { session }) {
    const { documents, name } = await session.documents();
    const found = await carryOut(documents, { action, path, value, name });
    const data = excerptOf(found, LOOKS.has(action) ? LOOK_CHARS : ECHO_CHARS);
    const text = JSON.stringify(data.value);
    return { data, text: data.more === undefined ? text : `${text}\n${data.more}` };
  },
});

/** Whoever has changed something wants to know that it is there, and not to read all of it again. */
const LOOKS: ReadonlySet<string> = new Set(['get', 'list', 'blackboard']);
const ECHO_CHARS = 1_000;
/** Of JSON: what a model can do with in one answer. */
const LOOK_CHARS = 12_000;

interface Wish {
  readonly action: (typeof ACTIONS)[number];
  readonly path: string | undefined;
  readonly value: unknown;
  readonly name: string;
}

/** What there is afterwards, as the instance that answers has it. */
async function carryOut(documents: CrdtClient, { action, name, path, value }: Wish): Promise<unknown> {
  if (action === 'list') return documents.list();
  if (action === 'blackboard') return glanceAt(await documents.blackboard());
  if (action === 'note') {
    await documents.note(textOf(value), name);
    return 'noted';
  }
  if (path === undefined) throw new SwarmError('BAD_INPUT', `say which document: "${action}" needs a path`);
  if (action !== 'get') await documents.mutate([operationOf(action, path, value)]);
  return (await documents.get(path)).value;
}

function operationOf(action: 'set' | 'inc' | 'add' | 'remove' | 'insert', path: string, value: unknown) {
  // What is no JSON is refused where it arrives.
  const json = (value ?? null) as Json;
  if (action === 'inc') return { op: action, path, by: (value ?? 1) as number } as const;
  if (action === 'insert') {
    const values = typeof json === 'string' || Array.isArray(json) ? json : [json];
    return { op: action, path, values: values as string | Json[] } as const;
  }
  return { op: action, path, value: json } as const;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new SwarmError('BAD_INPUT', 'a note is a text: give it as value');
}

const LATEST_NOTES = 20;
const LATEST_NOTES_CHARS = 6_000;

/** What is new, and who is there; the rest is a document like any other. */
function glanceAt({ notes, presence, progress }: BlackboardJson) {
  return {
    notes: excerptOf(notes.slice(-LATEST_NOTES), LATEST_NOTES_CHARS).value,
    notesInAll: notes.length,
    progress,
    presence: presence.map(({ ageMs, id, working }) => ({ id, ageMs, working })),
  };
}
