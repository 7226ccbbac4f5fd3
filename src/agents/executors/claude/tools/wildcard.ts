/** What sets a pattern's elements apart: which of them stands for any number of items, and which single items fit. */
interface Alphabet<Element, Item> {
  isStar(element: Element): boolean;
  fits(element: Element, item: Item): boolean;
}

/**
 * Whether `pattern` describes all of `items`. In the worst case as many steps as one times the other: a pattern that a
 * model made up must not hold up the process.
 */
function matches<Element, Item>(
  pattern: readonly Element[],
  items: readonly Item[],
  { isStar, fits }: Alphabet<Element, Item>,
): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  for (let item = 0; item < items.length; ) {
    const element = pattern[at];
    const value = items[item];
    if (element !== undefined && isStar(element)) {
      star = at++;
      resumeAt = item;
    } else if (element !== undefined && value !== undefined && fits(element, value)) {
      at++;
      item++;
    } else if (star >= 0) {
      // The last star takes one item more. Those before it need not change: what they took fits.
      at = star + 1;
      item = ++resumeAt;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every(isStar);
}

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'char'; readonly char: string }
  | {
      readonly kind: 'class';
      readonly ranges: readonly (readonly [string, string])[];
      readonly negated: boolean;
    };

const TOKENS: Alphabet<Token, string> = {
  isStar: ({ kind }) => kind === 'star',
  fits(token, char) {
    if (token.kind === 'char') return token.char === char;
    if (token.kind !== 'class') return true;
    return token.ranges.some(([from, to]) => from <= char && char <= to) !== token.negated;
  },
};

/** `*`, `?`, `[a-z]` and `[!a-z]` within one name; `\` takes the next character as it stands. */
export function matchesName(pattern: string, name: string): boolean {
  return matches(tokensOf(pattern), [...name], TOKENS);
}

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const chars = [...pattern];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? '';
    const end = char === '[' ? chars.indexOf(']', at + 2) : -1;
    if (char === '*') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '\\' && at + 1 < chars.length) tokens.push({ kind: 'char', char: chars[++at] ?? '' });
    else if (end > 0) {
      tokens.push(classOf(chars.slice(at + 1, end)));
      at = end;
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

function classOf(chars: readonly string[]): Token {
  const negated = chars[0] === '!' || chars[0] === '^';
  const members = negated ? chars.slice(1) : chars;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? '';
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return { kind: 'class', ranges, negated };
}

const SEGMENTS: Alphabet<string, string> = { isStar: (segment) => segment === '**', fits: matchesName };

/** `**` stands for any number of folders. Both relative to the same folder, with `/`. */
export function matchesPath(pattern: string, path: string): boolean {
  const names = path.split('/');
  return alternatives(pattern).some((one) => {
    const segments = one.split('/').filter((segment) => segment !== '' && segment !== '.');
    return matches(one.endsWith('/') ? [...segments, '**'] : segments, names, SEGMENTS);
  });
}

const WORDS: Alphabet<string, string> = { isStar: (word) => word === '*', fits: matchesName };

/** A lone `*` stands for any number of words. */
export function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  return matches(pattern, words, WORDS);
}

/** Of `{a,b}`; more are left out, as no person writes so many. */
const MAX_ALTERNATIVES = 64;

/** One pattern for each choice among `{a,b}`, those inside each other too. */
function alternatives(pattern: string): readonly string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined && done.length < MAX_ALTERNATIVES; next = open.pop()) {
    const innermost = /\{([^{}]*)\}/.exec(next);
    if (innermost?.[1] === undefined) {
      done.push(next);
      continue;
    }
    const { 0: whole, 1: choices, index } = innermost;
    for (const choice of choices.split(',').slice(0, MAX_ALTERNATIVES)) {
      open.push(next.slice(0, index) + choice + next.slice(index + whole.length));
    }
  }
  return done;
}
