import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isMissing } from '../files.ts';
import { type Finding, note, refusal, wrong } from './finding.ts';

export interface RightsOptions {
  readonly root: string;
  /** True for a folder that a process is at work in: what looks left over there may be in use. */
  isBusy(folder: string): boolean;
}

/** It says nothing but what git should leave out. */
const OPEN_FILES: ReadonlySet<string> = new Set(['.gitignore']);

/** What a crash may leave of something that was being made; the next one makes it anew. */
const LEFTOVER = /\.draft$|^lock-draft-|^snapshot-\d+\.tmp$/;

/** A file or folder that was found, or what kept us from looking into it. */
type Found =
  | { readonly path: string; readonly stats: Stats }
  | { readonly path: string; readonly unreadable: Finding };

/** Looks at every file and folder under `root`: nobody else may get at them, and nothing should be left over. */
export function checkRights(options: RightsOptions): readonly Finding[] {
  const { root } = options;
  const all = [...walk(root)];
  const seen = all.flatMap((found) => ('stats' in found ? [found] : []));
  const owner = seen[0]?.stats.uid;
  return [
    ...all.flatMap((found) => ('unreadable' in found ? [found.unreadable] : [])),
    ...tooOpen(
      root,
      seen.filter(({ path, stats }) => isOpen(path, stats)),
    ),
    ...strangers(
      root,
      seen.filter(({ stats }) => stats.uid !== owner),
    ),
    ...seen.flatMap(({ path, stats }) => leftover(path, stats, options)),
  ];
}

function* walk(path: string): Generator<Found> {
  const stats = look(path);
  if (stats === undefined || stats.isSymbolicLink()) return;
  yield { path, stats };
  if (!stats.isDirectory()) return;
  let names: readonly string[];
  try {
    names = readdirSync(path).sort();
  } catch (error) {
    yield { path, unreadable: wrong(refusal(error, { about: 'unreadable', path, advice: '' })) };
    return;
  }
  for (const name of names) yield* walk(join(path, name));
}

/** Undefined when it has gone meanwhile. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

interface Seen {
  readonly path: string;
  readonly stats: Stats;
}

function isOpen(path: string, { mode }: Stats): boolean {
  return (mode & 0o077) !== 0 && !OPEN_FILES.has(basename(path));
}

/** One finding for all of them: whoever opens one folder mostly opens what is in it, too. */
function tooOpen(root: string, [first, ...more]: readonly Seen[]): readonly Finding[] {
  if (first === undefined) return [];
  const { path, stats } = first;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  const should = stats.isDirectory() ? '0700' : '0600';
  const what = `other users may get at it: its mode is ${mode}, and should be ${should}${andMore(more)}`;
  return [wrong({ about: 'permissions', path, what, advice: `run "chmod -R go= ${root}"` })];
}

function strangers(root: string, [first, ...more]: readonly Seen[]): readonly Finding[] {
  if (first === undefined) return [];
  const { path, stats } = first;
  const what = `it belongs to user ${stats.uid}, and not to the owner of ${root}${andMore(more)}`;
  return [wrong({ about: 'owner', path, what, advice: `run "chown -R" on ${root} with the user it is of` })];
}

function andMore({ length }: readonly Seen[]): string {
  return length === 0 ? '' : ` (and ${length} more)`;
}

function leftover(path: string, stats: Stats, { isBusy }: RightsOptions): readonly Finding[] {
  if (LEFTOVER.test(basename(path)) && !isBusy(dirname(path))) {
    const what = 'a crash has left it half made; nobody will read it';
    return [note({ about: 'leftover', path, what, advice: 'it may be removed' })];
  }
  if (!stats.isDirectory() || basename(path) !== 'damaged') return [];
  const what = 'it keeps what was found damaged';
  return [
    note({ about: 'leftover', path, what, advice: 'remove it when nobody wants to look into it any more' }),
  ];
}
