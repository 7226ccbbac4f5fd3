import { type Plan, planInit, planUndo, type Wish } from '../../src/cli/init/plan.ts';
import { wishForClaudeCode } from '../../src/cli/init/wish.ts';

/** Files of a repository, by path. */
export type Files = Readonly<Record<string, string>>;

export const SETTINGS = '.claude/settings.json';
export const SERVERS = '.mcp.json';
export const AGENT = '.claude/agents/raft-manager.md';

/** What is there after `init`, and what it said. */
export function init(files: Files, options: { readonly force?: boolean; readonly wish?: Wish } = {}) {
  const { force = false, wish = wishForClaudeCode() } = options;
  return applied(
    files,
    planInit(wish, (path) => files[path], { force }),
  );
}

export function undo(files: Files) {
  return applied(
    files,
    planUndo((path) => files[path]),
  );
}

function applied(files: Files, plan: Plan) {
  const after: Record<string, string> = { ...files };
  for (const change of [...plan.changes, ...(plan.note === undefined ? [] : [plan.note])]) {
    if (change.after === undefined) delete after[change.path];
    else after[change.path] = change.after;
  }
  return { files: after as Files, plan };
}
