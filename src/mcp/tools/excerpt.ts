export interface Excerpt {
  readonly value: unknown;
  /** What is left out; undefined: nothing. */
  readonly more?: string;
}

/** As much of a JSON value as `chars` hold: of a list its end, of anything else its beginning. */
export function excerptOf(value: unknown, chars: number): Excerpt {
  if ((JSON.stringify(value) ?? '').length <= chars) return { value };
  if (typeof value === 'string') {
    return { value: value.slice(0, chars), more: `the first ${chars} of ${value.length} characters` };
  }
  if (Array.isArray(value)) {
    const shown = fitting([...value].reverse(), chars).reverse();
    return { value: shown, more: `the last ${shown.length} of ${value.length}` };
  }
  const entries = Object.entries(value as object);
  const shown = fitting(entries, chars);
  const left = entries.slice(shown.length).map(([key]) => key);
  const names = fitting(left, chars).join(', ');
  return {
    value: Object.fromEntries(shown),
    more: `${shown.length} of ${entries.length} fields; get by path: ${names}`,
  };
}

function fitting<T>(values: readonly T[], chars: number): T[] {
  const fit: T[] = [];
  let left = chars;
  for (const value of values) {
    left -= JSON.stringify(value).length + 1;
    if (left < 0) break;
    fit.push(value);
  }
  return fit;
}
