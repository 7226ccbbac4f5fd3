/**
 * Cheap checks that plain data has the type it claims, for what comes out of the log: whoever wrote it
 * had it validated already, so bounds and wording are not looked at again, only that no field is of a
 * kind that the machine could trip over.
 */
export type Shape<T> = (value: unknown) => value is T;

export const text: Shape<string> = (value) => typeof value === 'string';

/** A whole number that a double holds exactly; a fraction would fold and compare differently from what it seems. */
export const integer: Shape<number> = (value): value is number => Number.isSafeInteger(value);

export const truth: Shape<boolean> = (value) => typeof value === 'boolean';

export const natural: Shape<number> = (value): value is number => integer(value) && value >= 0;

/** At least 1: log indexes, counts of things there must be one of. */
export const positive: Shape<number> = (value): value is number => integer(value) && value >= 1;

export const binary: Shape<Uint8Array> = (value): value is Uint8Array => value instanceof Uint8Array;

/** Or null, which says that there is none. */
export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value): value is T | null => value === null || shape(value);
}

export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  const known: ReadonlySet<unknown> = new Set(words);
  return (value): value is T => known.has(value);
}

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(item);
}

export function textMap(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every(text);
}

type RequiredKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T];
type OptionalKeys<T> = Exclude<keyof T, RequiredKeys<T>>;
type Shapes<T> = { readonly [K in keyof T]-?: Shape<T[K]> };

/**
 * An object with exactly these fields: all of `required`, any of `optional`, and no other. A type with
 * optional fields cannot leave the second argument out.
 */
export function record<T extends object>(
  required: Pick<Shapes<T>, RequiredKeys<T>>,
  ...[optional]: [OptionalKeys<T>] extends [never] ? [] : [optional: Pick<Shapes<T>, OptionalKeys<T>>]
): Shape<T> {
  const needed = Object.entries(required) as [string, Shape<unknown>][];
  const extra = new Map(Object.entries(optional ?? {})) as Map<string, Shape<unknown>>;
  return (value): value is T => {
    if (!isObject(value)) return false;
    let known = 0;
    for (const [name, shape] of needed) {
      if (!shape(value[name])) return false;
      known++;
    }
    for (const name of Object.keys(value)) {
      const shape = extra.get(name);
      if (shape === undefined) continue;
      if (!shape(value[name])) return false;
      known++;
    }
    return known === Object.keys(value).length;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
