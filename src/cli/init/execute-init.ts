import { dirname, join, relative } from 'node:path';
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { printJson, printLine } from '../reach.ts';
import { type Change, draftOf, type Plan, planInit, planUndo } from './plan.ts';
import { withGuard, withoutGuard } from './pre-commit.ts';
import {
  applyAll,
  type FileChange,
  preCommitOf,
  removeEmptyFolders,
  SCRIPT_MODE,
  textOf,
  topOf,
} from './repository.ts';
import { wishForClaudeCode } from './wish.ts';

export interface InitOptions {
  readonly dryRun?: true;
  readonly undo?: true;
  readonly force?: true;
  readonly preCommit?: true;
  readonly json?: true;
}

const DIFF = { headerOptions: FILE_HEADERS_ONLY };

/** From the inside out. */
const FOLDERS = ['.claude/agents', '.claude'];

const NEXT = `
Next: start Claude Code here anew and let it use the MCP server "raft-manager"; then ask it for the status of the swarm.
The swarm itself starts with the first session, or with "raft-manager up". Hooks of the five agents are allowed already;
those of your own agents run after "raft-manager hooks allow FILE".`;

export async function executeInit(options: InitOptions): Promise<void> {
  const { dryRun = false, force = false, undo = false } = options;
  const top = topOf(process.cwd());
  const texts = (path: string): string | undefined => textOf(join(top, path));
  const plan = undo ? planUndo(texts) : planInit(wishForClaudeCode(), texts, { force });
  const guard = guardChange(top, options);
  const changes = [...plan.changes, ...(guard === undefined ? [] : [guard])];
  if (!dryRun) {
    const files = filesOf(top, plan);
    if (guard === undefined) applyAll(files, [top]);
    else applyAll([...files, at(top, guard)], [top, dirname(join(top, guard.path))]);
    if (undo) removeEmptyFolders(FOLDERS.map((folder) => join(top, folder)));
  }
  const noted = plan.note === undefined ? changes : [...changes, plan.note];
  if (options.json) {
    const files = noted.map((change) => ({ path: change.path, action: actionOf(change) }));
    printJson({ root: top, dryRun, changes: files, kept: plan.kept });
  } else if (dryRun) printDiff(noted, plan);
  else printOutcome(noted, plan, options);
}

/** With the note first as a draft: an interruption leaves something to go on from. */
function filesOf(top: string, { changes, note }: Plan): readonly FileChange[] {
  const files = changes.map((change) => at(top, change));
  if (note === undefined) return files;
  if (note.after === undefined) return [...files, at(top, note)];
  const draft = draftOf(note.after);
  return [at(top, { ...note, after: draft }), ...files, at(top, { ...note, before: draft })];
}

function at(top: string, change: FileChange): FileChange {
  return { ...change, path: join(top, change.path) };
}

/** The hook is of this clone alone, and so it is not in the note that all clones share. */
function guardChange(top: string, { preCommit, undo }: InitOptions): FileChange | undefined {
  if (preCommit === undefined && undo === undefined) return undefined;
  const path = undo ? preCommitIfAny(top) : preCommitOf(top);
  if (path === undefined) return undefined;
  const before = textOf(path);
  const after = undo ? before && withoutGuard(before) : withGuard(path, before);
  return after === before ? undefined : { path: relative(top, path), before, after, mode: SCRIPT_MODE };
}

function preCommitIfAny(top: string): string | undefined {
  try {
    return preCommitOf(top);
  } catch {
    // Without a repository, or with hooks that are not its own, none was ever written.
    return undefined;
  }
}

function printDiff(changes: readonly Change[], { kept }: Plan): void {
  for (const { path, before, after } of changes) {
    const [from, to] = [
      before === undefined ? '/dev/null' : `a/${path}`,
      after === undefined ? '/dev/null' : `b/${path}`,
    ];
    process.stdout.write(
      createTwoFilesPatch(from, to, before ?? '', after ?? '', undefined, undefined, DIFF),
    );
  }
  for (const { path, why } of kept) process.stderr.write(`kept ${path}: ${why}\n`);
  if (changes.length === 0) process.stderr.write('nothing to change\n');
}

function printOutcome(changes: readonly Change[], { kept }: Plan, { undo }: InitOptions): void {
  for (const change of changes) printLine(`${actionOf(change).padEnd(8)} ${change.path}`);
  for (const { path, why } of kept) printLine(`${'kept'.padEnd(8)} ${path}: ${why}`);
  if (changes.length === 0) printLine('nothing to change');
  else if (!undo) printLine(NEXT);
}

function actionOf({ before, after }: Change): 'created' | 'changed' | 'removed' {
  if (before === undefined) return 'created';
  return after === undefined ? 'removed' : 'changed';
}
