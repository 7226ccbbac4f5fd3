import { SwarmError } from '../../protocol/errors.ts';

const BEGIN = '# >>> raft-manager';
const END = '# <<< raft-manager';
const BLOCK = `${BEGIN}: refuses staged files that another one has reserved; "raft-manager init --undo" takes this out
if command -v raft-manager > /dev/null; then raft-manager guard --staged || exit 1; fi
${END}
`;
const NEW_HOOK = `#!/bin/sh\n${BLOCK}`;
const SHELL = /^#!.*\b(?:sh|bash|dash|zsh|ksh)\b/;

/**
 * A pre-commit hook with the guard in it, before all else: what follows may end the script.
 *
 * @throws SwarmError BAD_INPUT for a hook in another language than the shell's.
 */
export function withGuard(path: string, text: string | undefined): string {
  if (text === undefined || text.trim() === '') return NEW_HOOK;
  const bare = withoutGuard(text);
  if (bare === undefined) return text;
  const lineEnd = bare.indexOf('\n') + 1;
  const first = lineEnd === 0 ? bare : bare.slice(0, lineEnd);
  if (first.startsWith('#!') && !SHELL.test(first)) {
    const hint = 'call "raft-manager guard --staged" from it, and fail when that does';
    throw new SwarmError('BAD_INPUT', `${path} is no shell script; ${hint}. Nothing was written`);
  }
  if (!first.startsWith('#!')) return BLOCK + bare;
  return `${first.trimEnd()}\n${BLOCK}${bare.slice(first.length)}`;
}

/** The hook without the guard; undefined when nothing else was ever in it. */
export function withoutGuard(text: string): string | undefined {
  if (text === NEW_HOOK) return undefined;
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin);
  if (begin < 0 || end < 0) return text;
  const behind = text.indexOf('\n', end) + 1;
  return text.slice(0, begin) + (behind === 0 ? '' : text.slice(behind));
}
