const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a span of time as people write it: a number of seconds, or text with a unit such as
 * `250ms`, `30s`, `1.5m`, `2h`. Rounded up, so that nothing becomes 0 but 0; `undefined` when it is neither.
 */
export function parseDuration(value: string | number | boolean): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.ceil(value * 1_000) : undefined;
  if (typeof value !== 'string') return undefined;
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h)$/.exec(value.trim()) ?? [];
  const unitMs = UNIT_MS[unit ?? ''];
  return count === undefined || unitMs === undefined ? undefined : Math.ceil(Number(count) * unitMs);
}
