import type { ToolRules } from '../../../tools.ts';
import { matchesPath } from './wildcard.ts';

/** How much of a tool an agent file grants. `some`: what one of the patterns describes. */
export type Grant =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'some'; readonly patterns: readonly string[] };

/** One entry of an agent file's `tools`: `Read`, `Bash(git *)`. */
interface Rule {
  readonly tool: string;
  /** What stands in parentheses; undefined: all of the tool. */
  readonly pattern: string | undefined;
}

/** Granted to an agent file that names no tools: it may look, and change nothing. */
const READ_ONLY: readonly string[] = ['Read', 'Grep', 'Glob'];

/** Tools that show what is in files; whoever denies one of them for a path means the path. */
const READERS: readonly string[] = ['Read', 'Grep', 'Glob'];
const WRITERS: readonly string[] = ['Write', 'Edit'];

/** What an agent file allows. Never asks anything but the file: no task can change it. */
export class Permissions {
  readonly #allowed: readonly Rule[];
  readonly #denied: readonly Rule[];

  constructor({ allowed, denied }: ToolRules) {
    this.#allowed = (allowed ?? READ_ONLY).map(ruleOf);
    this.#denied = denied.map(ruleOf);
  }

  /** Every tool that the file wants to use. */
  get wanted(): readonly string[] {
    return [...new Set(this.#allowed.map(({ tool }) => tool))];
  }

  grantOf(tool: string): Grant {
    if (this.isDenied(tool)) return { kind: 'none' };
    const rules = this.#allowed.filter((rule) => rule.tool === tool);
    if (rules.length === 0) return { kind: 'none' };
    const patterns = rules.flatMap(({ pattern }) => pattern ?? []);
    // One entry without a pattern grants what all the others could.
    return patterns.length < rules.length || patterns.includes('*')
      ? { kind: 'all' }
      : { kind: 'some', patterns };
  }

  /** Named without a pattern, or with one that leaves nothing. */
  isDenied(tool: string): boolean {
    return this.#denied.some((rule) => rule.tool === tool && (rule.pattern ?? '*') === '*');
  }

  deniedPatterns(tool: string): readonly string[] {
    return this.#denied.flatMap((rule) => (rule.tool === tool ? (rule.pattern ?? []) : []));
  }

  /** Whether `tool` may touch the file at `path`, relative to the workspace. */
  allowsPath(tool: string, path: string): boolean {
    const grant = this.grantOf(tool);
    if (grant.kind === 'none') return false;
    // What may not be read may not be changed either: an edit shows what is there.
    const alike = WRITERS.includes(tool) ? [...WRITERS, ...READERS] : READERS;
    const isDenied = alike.some((one) =>
      this.deniedPatterns(one).some((pattern) => mayDescribe(pattern, path)),
    );
    return !isDenied && (grant.kind === 'all' || grant.patterns.some((pattern) => describes(pattern, path)));
  }
}

function ruleOf(text: string): Rule {
  const parts = /^([^()\s]+)\s*\(([\s\S]*)\)$/.exec(text.trim());
  return parts?.[1] === undefined
    ? { tool: text.trim(), pattern: undefined }
    : { tool: parts[1], pattern: parts[2]?.trim() ?? '' };
}

/** What is granted: exactly the files below the workspace. Patterns for other places (`//etc`, `~/x`) grant nothing here. */
function describes(pattern: string, path: string): boolean {
  if (/^(\/\/|~)/.test(pattern)) return false;
  return matchesPath(pattern.replace(/^\.?\//, ''), path);
}

/** What is denied: a plain name at any depth, a folder with all that is in it, and whatever case it is written in. */
function mayDescribe(pattern: string, path: string): boolean {
  const plain = pattern.replace(/^(\.?\/+|~\/)/, '').toLowerCase();
  const lower = path.toLowerCase();
  return [plain, `${plain}/**`, `**/${plain}`, `**/${plain}/**`].some((one) => matchesPath(one, lower));
}
