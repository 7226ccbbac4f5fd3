import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { Json } from './json-edit.ts';

/** Where `init` keeps what it has written, from the top of the repository. It belongs under version control with the rest. */
export const MANIFEST_PATH = '.claude/raft-manager.json';

const json: z.ZodType<Json> = z.json();
const path = z.array(z.string()).min(1).readonly();
const entry = z.strictObject({ path, as: z.enum(['property', 'item']), value: json });

const writing = {
  /** Of the file as it was written; line ends do not count, as git may change them. */
  fingerprint: z.string(),
  /** What stood there before, null: nothing did. Absent once somebody else has written, too. */
  before: z.string().nullable().exactOptional(),
};
const file = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('whole'), ...writing }),
  z.strictObject({
    kind: z.literal('merged'),
    ...writing,
    entries: z.array(entry).readonly(),
    /** Objects and lists that had to be made for them. */
    made: z.array(path).readonly(),
    /** There was no such file. */
    isOurs: z.boolean(),
  }),
]);

const schema = z.strictObject({
  about: z.string(),
  format: z.literal(1),
  version: z.string(),
  /** False while files are being written: what is missing then was not taken away by anybody. */
  complete: z.boolean(),
  files: z.record(z.string(), file),
});

/** What `init` has written into a repository, so that it can tell it from what people have. */
export type Manifest = Readonly<z.output<typeof schema>>;
export type Writing = Manifest['files'][string];
export type MergedWriting = Extract<Writing, { readonly kind: 'merged' }>;

export const ABOUT =
  'What "raft-manager init" has written here; "raft-manager init --undo" takes it out again.';

/** @throws SwarmError DATA_DAMAGED */
export function parseManifest(text: string): Manifest {
  const parsed = schema.safeParse(jsonIn(text));
  if (parsed.success) return parsed.data;
  const [problem] = parsed.error.issues;
  const where = problem === undefined ? '' : `: ${problem.path.join('.')} ${problem.message}`;
  const hint = 'Bring it back from version control, or remove it: then all that is there counts as yours';
  throw new SwarmError('DATA_DAMAGED', `${MANIFEST_PATH} cannot be read${where}. ${hint}`);
}

export function printManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

export function fingerprintOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
