import { MAX_PATTERN_CHARS } from '../protocol/limits.ts';

/**
 * Path patterns of reservations, and whether two of them could ever match one path.
 *
 * The answer errs towards "yes": a conflict that is none costs a wait, one that is missed costs
 * somebody's work.
 */

/** The pattern that stands for the right to merge. A file of that name is `./merge`. */
export const MERGE = 'merge';

type Token =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' };
type Segment = { readonly kind: 'deep' } | { readonly kind: 'name'; readonly tokens: readonly Token[] };

/**
 * One spelling per pattern: NFC, no `./`, no empty segments, `dir/` becomes `dir/**`.
 *
 * @returns `undefined` for what does not name paths inside the repository: absolute, with `..`, empty.
 */
export function normalisePattern(text: string): string | undefined {
  if (text === MERGE) return MERGE;
  const unified = text.normalize('NFC');
  if (unified.startsWith('/') || /^[A-Za-z]:/.test(unified) || unified.includes('\0')) return undefined;
  const parts = unified.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  if (unified.endsWith('/')) parts.push('**');
  const joined = parts.join('/');
  if (joined === '' || joined.length > MAX_PATTERN_CHARS) return undefined;
  return joined === MERGE ? `./${MERGE}` : joined;
}

/** True unless it is certain that no path is matched by both patterns. */
export function patternsOverlap(left: string, right: string): boolean {
  if (left === MERGE || right === MERGE) return left === right;
  return sequencesMeet(segmentsOf(left), segmentsOf(right), SEGMENTS);
}

/**
 * True unless it is certain that `pattern` does not mean the file at `path`, relative to the repository. The path is
 * taken as it is written: a file may have brackets or stars in its name.
 */
export function mayMean(pattern: string, path: string): boolean {
  if (pattern === MERGE) return false;
  const names = path
    .normalize('NFC')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  return sequencesMeet(segmentsOf(pattern), names.map(literalSegment), SEGMENTS);
}

function literalSegment(name: string): Segment {
  const tokens = name.split('').map((char): Token => ({ kind: 'literal', text: lowerAscii(char) }));
  return { kind: 'name', tokens };
}

interface Alphabet<Element> {
  /** True for an element that stands for any number of elements, none included. */
  readonly isStar: (element: Element) => boolean;
  /** False only when it is certain that the two have nothing in common. */
  readonly meet: (left: Element, right: Element) => boolean;
}

const SEGMENTS: Alphabet<Segment> = {
  isStar: (segment) => segment.kind === 'deep',
  meet: (left, right) =>
    left.kind === 'deep' || right.kind === 'deep' || sequencesMeet(left.tokens, right.tokens, TOKENS),
};

const TOKENS: Alphabet<Token> = {
  isStar: (token) => token.kind === 'star',
  meet: (left, right) => left.kind !== 'literal' || right.kind !== 'literal' || left.text === right.text,
};

/**
 * Compares what stands before the first star and after the last one, and the shortest lengths. What
 * is between stars is taken to meet, which keeps this linear: a pattern must not be able to stall
 * the log.
 */
function sequencesMeet<E>(left: readonly E[], right: readonly E[], alphabet: Alphabet<E>): boolean {
  const a = fixedEnds(left, alphabet);
  const b = fixedEnds(right, alphabet);
  if (!a.starred && left.length < b.least) return false;
  if (!b.starred && right.length < a.least) return false;
  if (!a.starred && !b.starred && left.length !== right.length) return false;
  const both = (x: E | undefined, y: E | undefined) =>
    x === undefined || y === undefined || alphabet.meet(x, y);
  for (let at = 0; at < Math.min(a.head, b.head); at++) {
    if (!both(left[at], right[at])) return false;
  }
  for (let back = 1; back <= Math.min(a.tail, b.tail); back++) {
    if (!both(left[left.length - back], right[right.length - back])) return false;
  }
  return true;
}

/** How many elements stand before the first star and after the last, and how many are no star at all. */
function fixedEnds<E>(sequence: readonly E[], { isStar }: Alphabet<E>) {
  const first = sequence.findIndex(isStar);
  if (first === -1) {
    return { starred: false, head: sequence.length, tail: sequence.length, least: sequence.length };
  }
  const last = sequence.findLastIndex(isStar);
  const least = sequence.filter((element) => !isStar(element)).length;
  return { starred: true, head: first, tail: sequence.length - 1 - last, least };
}

function segmentsOf(pattern: string): readonly Segment[] {
  // An alternative or an extended glob may hold a slash, and a leading `!` turns the meaning round:
  // from there on the pattern is taken for everything.
  const odd = pattern.startsWith('!') ? 0 : pattern.search(/[{}()]/);
  const sure = odd === -1 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', odd) + 1);
  const parts = sure.split('/').filter((part) => part !== '' && part !== '.');
  const segments = parts.map(segmentOf);
  const end = segments.at(-1);
  const plain = end?.kind === 'name' && end.tokens.every((token) => token.kind === 'literal');
  // A plain path may be a folder: then all that is in it is meant too.
  return odd !== -1 || plain ? [...segments, { kind: 'deep' }] : segments;
}

function segmentOf(part: string): Segment {
  if (part === '**') return { kind: 'deep' };
  const tokens: Token[] = [];
  for (let at = 0; at < part.length; at++) {
    const char = part.charAt(at);
    // Some matchers drop a backslash, to others it is a character: with a star in its place both are meant.
    if (char === '*' || char === '\\') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '[') {
      // What a class means differs between matchers, also whether an unclosed one is a class: the rest is open.
      tokens.push({ kind: 'star' });
      break;
    } else tokens.push({ kind: 'literal', text: lowerAscii(char) });
  }
  return { kind: 'name', tokens };
}

/** Some file systems ignore case. Only ASCII, whose folding no Unicode release changes under a replica. */
function lowerAscii(char: string): string {
  return char >= 'A' && char <= 'Z' ? char.toLowerCase() : char;
}
