import { matchesWords } from './wildcard.ts';

/**
 * The words of a command that is one command and nothing else; undefined for all that a shell could make more of:
 * operators, redirections, substitutions, variables, patterns of file names, several lines.
 *
 * Deliberately poorer than a shell: where the two could differ in what a text means, it is refused.
 */
export function simpleCommand(text: string): readonly string[] | undefined {
  const command = text.trim();
  // A shell drops NUL, and reads `pu\0sh` as another word than we would.
  if (command === '' || /[\r\n]/.test(command) || command.includes('\0')) return undefined;
  const words: string[] = [];
  const piece = /([ \t]*)(?:'([^']*)'|"([^"$`\\!]*)"|([^\s'"`$&|;<>(){}[\]*?~#!\\]+))/y;
  while (piece.lastIndex < command.length) {
    const found = piece.exec(command);
    if (found === null) return undefined;
    const [, space, single, double, bare] = found;
    const value = single ?? double ?? bare ?? '';
    const begun = space === '' ? words.pop() : undefined;
    words.push(`${begun ?? ''}${value}`);
  }
  // `A=1 git` would run git in another way than the pattern says.
  return words[0]?.includes('=') ? undefined : words;
}

/** Whether one of the patterns of an agent file, such as `git *`, `npm run test:*` or `make`, describes the command. */
export function isGranted(patterns: readonly string[], words: readonly string[]): boolean {
  return patterns.some((pattern) => matchesWords(patternWords(pattern), words));
}

/**
 * Whether the command may be what one of the patterns denies. The words of the pattern in their order are enough,
 * whatever stands between: `git -C . push` is a `git push`.
 */
export function mayBeDenied(patterns: readonly string[], words: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const spread = patternWords(pattern).flatMap((word) => ['*', word]);
    return matchesWords([...spread, '*'], words);
  });
}

/** `git:*` is Claude Code's older way to write `git *`. */
function patternWords(pattern: string): readonly string[] {
  return pattern
    .replace(/:\*$/, ' *')
    .split(/\s+/)
    .filter((word) => word !== '');
}
