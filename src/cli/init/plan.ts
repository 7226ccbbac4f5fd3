import { EDITED, type Entry, type Merge, mergeEntries, takeOutEntries, YOURS } from './entries.ts';
import { JsonDocument } from './json-document.ts';
import {
  ABOUT,
  fingerprintOf,
  MANIFEST_PATH,
  type Manifest,
  type MergedWriting,
  parseManifest,
  printManifest,
  type Writing,
} from './manifest.ts';

/** What is to be in a repository; paths are relative to its top. */
export interface Wish {
  readonly version: string;
  /** Files that are ours as a whole, by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Entries in files of other people, by path. */
  readonly entries: ReadonlyMap<string, Pick<Merge, 'wanted' | 'isLike'>>;
}

/** The text of a file; undefined when there is none. */
export type Texts = (path: string) => string | undefined;

/** One file before and after; undefined: it is not there. */
export interface Change {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface Plan {
  readonly changes: readonly Change[];
  /** The note of what is written; it goes with the changes. */
  readonly note: Change | undefined;
  /** What is left as it is, and why. */
  readonly kept: readonly { readonly path: string; readonly why: string }[];
}

/** What each file becomes, and what is noted of it. */
interface Outcome {
  readonly after: string | undefined;
  readonly writing: Writing | undefined;
  readonly kept: readonly string[];
}

/**
 * Decides what to write so that the repository is as wished, and nothing of what people have written is lost.
 *
 * @throws SwarmError BAD_INPUT for a file that is no JSON; DATA_DAMAGED for a manifest that is none.
 */
export function planInit(wish: Wish, texts: Texts, { force }: { readonly force: boolean }): Plan {
  const noted = manifestIn(texts);
  const writings: Record<string, Writing> = { ...noted?.files };
  const changes: Change[] = [];
  const kept: { path: string; why: string }[] = [];
  const settle = (path: string, before: string | undefined, outcome: Outcome): void => {
    if (outcome.writing !== undefined) writings[path] = outcome.writing;
    if (outcome.after !== before) changes.push({ path, before, after: outcome.after });
    kept.push(...outcome.kept.map((why) => ({ path, why })));
  };
  const writtenTo = (path: string, before: string | undefined): Writing | undefined => {
    const written = noted?.files[path];
    const isSure = noted?.complete === true || fingerprintIn(before) === written?.fingerprint;
    return isSure ? written : undefined;
  };
  for (const [path, text] of wish.files) {
    const before = texts(path);
    settle(path, before, placeWhole({ text, before, written: writtenTo(path, before), force }));
  }
  for (const [path, entries] of wish.entries) {
    const before = texts(path);
    const written = writtenTo(path, before);
    const ours = written?.kind === 'merged' ? written : undefined;
    settle(path, before, placeMerged({ path, ...entries, before, written: ours, force }));
  }
  return { changes, kept, note: noteOf(texts(MANIFEST_PATH), { wish, writings, changes }) };
}

/** Decides how to take out what `planInit` has put in, and nothing that anybody else has written. */
export function planUndo(texts: Texts): Plan {
  const noted = manifestIn(texts);
  const kept: { path: string; why: string }[] = [];
  const changes = Object.entries(noted?.files ?? {}).flatMap(([path, writing]): Change[] => {
    const before = texts(path);
    if (before === undefined) return [];
    const outcome = takenBack(path, before, writing);
    kept.push(...outcome.kept.map((why) => ({ path, why })));
    return outcome.after === before ? [] : [{ path, before, after: outcome.after }];
  });
  const before = texts(MANIFEST_PATH);
  const note = before === undefined ? undefined : { path: MANIFEST_PATH, before, after: undefined };
  return { changes, kept, note };
}

interface WholeFile {
  readonly text: string;
  readonly before: string | undefined;
  readonly written: Writing | undefined;
  readonly force: boolean;
}

function placeWhole({ text, before, written, force }: WholeFile): Outcome {
  const fingerprint = fingerprintOf(text);
  const current = fingerprintIn(before);
  if (current === fingerprint) return { after: before, writing: written, kept: [] };
  const isFree = current === undefined && written === undefined;
  const isUntouched = current !== undefined && current === written?.fingerprint;
  if (!isFree && !isUntouched && !force) {
    return { after: before, writing: written, kept: [written === undefined ? YOURS : EDITED] };
  }
  // What people wrote is kept until it is asked for again.
  const first = (isUntouched ? written?.before : before) ?? null;
  return { after: text, writing: { kind: 'whole', fingerprint, before: first }, kept: [] };
}

interface MergedFile {
  readonly path: string;
  readonly wanted: readonly Entry[];
  readonly isLike: Merge['isLike'];
  readonly before: string | undefined;
  readonly written: MergedWriting | undefined;
  readonly force: boolean;
}

function placeMerged({ path, before, written, ...merge }: MergedFile): Outcome {
  const original = new JsonDocument(path, before ?? '');
  const earlier = { written: written?.entries ?? [], made: written?.made ?? [] };
  const { document, entries, kept, made } = mergeEntries(original, { ...merge, ...earlier });
  if (document === original) return { after: before, writing: written, kept };
  const writing: MergedWriting = {
    kind: 'merged',
    fingerprint: fingerprintOf(document.text),
    ...originOf(before, written),
    entries,
    made: [...earlier.made, ...made],
    isOurs: written?.isOurs ?? before === undefined,
  };
  return { after: document.text, writing, kept };
}

/** The text to go back to, as long as nobody else has written into the file. */
function originOf(
  before: string | undefined,
  written: MergedWriting | undefined,
): { readonly before?: string | null } {
  if (written === undefined) return { before: before ?? null };
  const isUntouched = before !== undefined && fingerprintOf(before) === written.fingerprint;
  return isUntouched && written.before !== undefined ? { before: written.before } : {};
}

function takenBack(path: string, text: string, writing: Writing): Omit<Outcome, 'writing'> {
  const isUntouched = fingerprintOf(text) === writing.fingerprint;
  if (isUntouched && writing.before !== undefined) return { after: writing.before ?? undefined, kept: [] };
  if (writing.kind === 'whole') return { after: text, kept: ['was changed since, and is left'] };
  const document = takeOutEntries(new JsonDocument(path, text), writing);
  const isBare = writing.isOurs && Object.keys(document.at([]) ?? {}).length === 0;
  return { after: isBare ? undefined : document.text, kept: [] };
}

interface Noting {
  readonly wish: Wish;
  readonly writings: Record<string, Writing>;
  readonly changes: readonly Change[];
}

/** Where nothing is written there is nothing to note, but that an interrupted run is complete now. */
function noteOf(before: string | undefined, { wish, writings, changes }: Noting): Change | undefined {
  const isComplete = before === undefined || parseManifest(before).complete;
  if (changes.length === 0 && isComplete) return undefined;
  const { version } = wish;
  const after = printManifest({ about: ABOUT, format: 1, version, complete: true, files: writings });
  return { path: MANIFEST_PATH, before, after };
}

/** What stands in the note while the files are being written: whoever comes upon it goes on. */
export function draftOf(note: string): string {
  return printManifest({ ...parseManifest(note), complete: false });
}

function manifestIn(texts: Texts): Manifest | undefined {
  const text = texts(MANIFEST_PATH);
  return text === undefined ? undefined : parseManifest(text);
}

function fingerprintIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : fingerprintOf(text);
}
