import type { z } from 'zod';
import type { DiagnosticCode, Finding, Severity } from './diagnostic.ts';
import type { YamlFields } from './yaml-document.ts';

/** The keys of one file, and the place where what is odd about them is written down. */
export interface Fields extends YamlFields {
  readonly report: (finding: Finding) => void;
}

/** What a key must hold, and what is said when it holds something else. */
export interface FieldRule<T> {
  readonly schema: z.ZodType<T>;
  readonly expected: string;
  readonly severity: Severity;
  readonly code: DiagnosticCode;
}

/** The value of `key`; `undefined` when it is missing, empty, or reported as not what `rule` expects. */
export function readField<T>(fields: Fields, key: string, rule: FieldRule<T>): T | undefined {
  const value = fields.values[key];
  return value === undefined || value === null ? undefined : readValue(fields, [key], value, rule);
}

/** `value`, which stands at `path`, as `rule` expects it; else `undefined`, and reported. */
export function readValue<T>(
  fields: Fields,
  path: readonly string[],
  value: unknown,
  rule: FieldRule<T>,
): T | undefined {
  const result = rule.schema.safeParse(value);
  if (result.success) return result.data;
  fields.report({
    at: fields.valueAt(...path, ...deepestPath(result.error.issues)),
    severity: rule.severity,
    code: rule.code,
    message: `\`${path.join('.')}\` is expected to be ${rule.expected}; found ${describe(value)}`,
    hint:
      rule.severity === 'error'
        ? 'write it in one of the expected forms'
        : 'write it as expected; it is ignored now',
  });
  return undefined;
}

/** A union reports at its own place; what is wrong stands where its best branch went furthest. */
function deepestPath(issues: readonly z.core.$ZodIssue[]): (string | number)[] {
  let deepest: (string | number)[] = [];
  for (const issue of issues) {
    const inner = issue.code === 'invalid_union' ? deepestPath(issue.errors.flat()) : [];
    const path = [...issue.path.filter((step) => typeof step !== 'symbol'), ...inner];
    if (path.length > deepest.length) deepest = path;
  }
  return deepest;
}

function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value))
    return value.every((item) => typeof item === 'string') ? 'a list' : 'a list with other items';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}
