/** How messages speak about words that somebody wrote. */

const MAX_QUOTED_CHARS = 60;

/** `text` between back quotes, shortened, and unable to drive the terminal that shows it. */
export function quoted(text: string): string {
  const shown = text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text;
  const safe = shown.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
  return `\`${safe}\``;
}

/** `; did you mean …?` when one of `known` is close to `word`, otherwise what there is to choose from. */
export function suggestion(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  if (close !== undefined) return `did you mean ${quoted(close)}?`;
  if (known.length === 0) return 'there is none';
  const shown = known.slice(0, MAX_CHOICES).map(quoted).join(', ');
  return known.length > MAX_CHOICES
    ? `known: ${shown} and ${known.length - MAX_CHOICES} more`
    : `known: ${shown}`;
}

const MAX_CHOICES = 16;

/** Longer words are not compared: the cost is the product of two lengths. */
const MAX_COMPARED_CHARS = 100;
/** The sum of these products for one word: 2,000 ids of ten characters, in less than a millisecond. */
const MAX_COMPARISONS = 200_000;

/** The word of `known` with the fewest typing errors between, if these are few enough to be a slip. */
function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_COMPARED_CHARS) return undefined;
  const bare = bareForm(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(bare.length / 3)) + 1;
  let comparisons = 0;
  for (const candidate of known) {
    if (candidate.length > MAX_COMPARED_CHARS) continue;
    const other = bareForm(candidate);
    // As many letters as are missing have to be typed.
    if (Math.abs(other.length - bare.length) >= bestDistance) continue;
    comparisons += bare.length * other.length;
    if (comparisons > MAX_COMPARISONS) break;
    const distance = editDistance(bare, other);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `depends_on` and `dependsOn` are one word to people. */
function bareForm(word: string): string {
  return word.toLowerCase().replace(/[-_. ]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let [before, last, row] = [0, 0, 0].map(() => new Uint8Array(b.length + 1)) as [Row, Row, Row];
  for (let column = 0; column <= b.length; column++) last[column] = column;
  for (let at = 1; at <= a.length; at++) {
    row[0] = at;
    for (let column = 1; column <= b.length; column++) {
      const replaced = of(last, column - 1) + (a[at - 1] === b[column - 1] ? 0 : 1);
      const isSwap = at > 1 && column > 1 && a[at - 1] === b[column - 2] && a[at - 2] === b[column - 1];
      const swapped = isSwap ? of(before, column - 2) + 1 : replaced;
      row[column] = Math.min(replaced, swapped, of(last, column) + 1, of(row, column - 1) + 1);
    }
    [before, last, row] = [last, row, before];
  }
  return of(last, b.length);
}

type Row = Uint8Array;

function of(row: Row, column: number): number {
  return row[column] ?? 0;
}
